import t from 'tap';
import { parseManual } from '../../../src/cli/manual.js';
import { reference } from '../../../src/cli/reference.js';
import type { Spec } from '../../../src/pipeline/spec.js';
import { address, count, optional, positional, seconds } from '../../../src/pipeline/values.js';

const source = `
/** Not this one. */
const x = 1;

/**
 * The first paragraph goes
 * over two lines.
 *
 * The second has a list:
 * - one
 * - two
 *
 * @example
 *   a :: Idle
 *     -> Discard;
 *
 * @example b :: Idle -> Discard;
 */
export class Thing extends Element {}
`;

t.test('a doc comment is prose and examples', async (t) => {
  t.same(parseManual(source, 'Thing'), {
    prose: ['The first paragraph goes over two lines.', 'The second has a list:\n- one\n- two'],
    examples: ['a :: Idle\n  -> Discard;', 'b :: Idle -> Discard;'],
  });
  t.same(parseManual('const a = 1;\nexport class Thing {}', 'Thing'), { prose: [], examples: [] });
});

t.test('a reference page holds all facts', async (t) => {
  const spec = {
    summary: 'does things',
    inputs: { in: 'packets' },
    outputs: { pass: 'the good', rest: 'the bad' },
    config: {
      most: positional(count(4, 'How many.')),
      idleTime: seconds(60, 'How long.'),
      local: address(undefined, 'Where.'),
      remote: optional(address(undefined, 'Whereto.')),
    },
    drops: { full: 'no room' },
    metrics: {
      openFlows: { kind: 'gauge', doc: 'flows' },
      made: { kind: 'counter', doc: 'made', label: { name: 'by', values: ['a', 'b'] } },
    },
    handlers: { size: { read: 'how much', write: 'sets it' } },
    decoupled: true,
    containment: { role: 'guard', licenses: 'pass' },
  } as const satisfies Spec;
  t.equal(
    reference({ name: 'Thing', spec }, { prose: ['Why.'], examples: ['a :: Thing;'] }),
    `# Thing

Thing does things.

Why.

It is an export policy: its output \`[pass]\` is the licence by which packets of clones may leave.

What it is given does not come out of its outputs in the same turn, so a circle of the graph may pass through it.

## Example

\`\`\`click
a :: Thing;
\`\`\`

## Inputs

- \`[in]\` or \`[0]\`: packets

## Outputs

- \`[pass]\` or \`[0]\`: the good
- \`[rest]\` or \`[1]\`: the bad

## Configuration

- \`MOST\` (count; may be given without its name; default 4): How many.
- \`IDLE_TIME\` (time; default 60s): How long.
- \`LOCAL\` (IPv4 address; mandatory): Where.
- \`REMOTE\` (IPv4 address; optional): Whereto.

## Drops

- \`full\`: no room

## Metrics

- \`potemkin_open_flows\` (gauge): flows
- \`potemkin_made_total{by="a|b"}\` (counter): made

## Handlers

- \`size\` (read): how much
- \`size\` (write): sets it
`,
  );
});
