import { writeFileSync } from 'node:fs';
import { extname } from 'node:path';
import { Command } from 'commander';
import { Failure } from '../../control/failure.js';
import type { UniverseLine, UniverseTree } from '../../farm/listing.js';
import { type Asking, ask, asks } from '../ask.js';
import { renderSvg } from '../draw.js';
import { age, type Column, table } from '../table.js';
import { treeDot, treeText } from '../tree.js';

/** What a daemon answers at /universes and /universes/ended. */
interface Answer {
  readonly farms: readonly { readonly name: string; readonly universes: readonly UniverseLine[] }[];
}

/** And at /universes/ID. */
interface TreeAnswer {
  readonly farms: readonly { readonly name: string; readonly universe: UniverseTree }[];
}

type Row = UniverseLine & { readonly farm: string };

interface Options extends Asking {
  readonly ended?: true;
  readonly output?: string;
}

const columns = (now: number): readonly Column<Row>[] => [
  { head: 'FARM', show: ({ farm }) => farm },
  { head: 'UNIVERSE', right: true, show: ({ universe }) => String(universe) },
  { head: 'KIND', show: ({ kind }) => kind },
  { head: 'SOURCE', show: ({ source }) => source },
  { head: 'TARGET', show: ({ target }) => target },
  { head: 'CLONES', right: true, show: ({ clones }) => String(clones) },
  { head: 'MADE', right: true, show: ({ made }) => String(made) },
  { head: 'DEPTH', right: true, show: ({ depth }) => String(depth) },
  { head: 'JOINED', right: true, show: ({ influences }) => String(influences) },
  { head: 'SCORE', right: true, show: ({ score }) => String(score) },
  { head: 'AGE', right: true, show: ({ born }) => age(born, now) },
];

async function list({ at, json, ended }: Options): Promise<void> {
  const answer = await ask<Answer>(at, ended ? '/universes/ended' : '/universes');
  const rows = answer.farms.flatMap(({ name, universes }) => universes.map((each) => ({ farm: name, ...each })));
  if (json) console.log(JSON.stringify(rows));
  else process.stdout.write(table(columns(Date.now()), rows));
}

async function show(id: string, { at, json, output }: Options): Promise<void> {
  if (!/^\d{1,10}$/.test(id)) throw new Failure(`expected the number of a universe, not '${id}'`);
  if (output !== undefined && extname(output) !== '.svg' && extname(output) !== '.dot')
    throw new Failure(`--output: expected a name in .svg or .dot, not '${output}'`);
  const { farms } = await ask<TreeAnswer>(at, `/universes/${id}`);
  if (output !== undefined) {
    const dot = treeDot(farms[0]!.universe);
    writeFileSync(output, extname(output) === '.dot' ? dot : await renderSvg(dot));
  } else if (json) console.log(JSON.stringify(farms));
  else process.stdout.write(farms.map(({ universe }) => treeText(universe)).join('\n'));
}

/** potemkin universes: what one packet led to. */
export function universes(): Command {
  return asks(new Command('universes'))
    .summary('lists the universes of a running daemon, or shows the causal tree of one')
    .description(
      'Lists the universes of a running daemon: who sent the packet that began each, to which address, how many clones it has and has had, the length of its longest chain of clones that called each other, how many others outside joined it, and the highest score that a clone of it had. Of one universe it prints the causal tree: which clone called for which, by what packet, which rule of policy let it, and how each ended.',
    )
    .argument('[id]', 'the number of a universe, which may have ended')
    .option('--ended', 'lists those that have ended and are remembered')
    .option('-o, --output <file>', 'draws the tree: picture.svg, or picture.dot for the text that Graphviz draws')
    .addHelpText(
      'after',
      `
Examples:
  potemkin universes
  potemkin universes --ended
  potemkin universes 17
  potemkin universes 17 -o tree.svg
  potemkin universes --json | jq '.[] | select(.depth > 1)'`,
    )
    .action(async (id: string | undefined, options: Options) => {
      if (id !== undefined) await show(id, options);
      else if (options.output === undefined) await list(options);
      else throw new Failure('--output: expected the number of the universe that is to be drawn');
    });
}
