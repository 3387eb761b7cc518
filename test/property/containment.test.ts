/**
 * Random graphs, random policies, random and hostile traffic: no packet leaves that no rule licensed, and none comes from one
 * universe into another. An oracle that knows nothing of the gateway judges all that it sees (containment/oracle.ts).
 *
 * The cases are the same in each run, so that a change is judged by what it changes; POTEMKIN_SEED=random draws others, and a
 * number repeats a run. POTEMKIN_CASES is how many packets of clones are judged.
 */
import fc from 'fast-check';
import t from 'tap';
import { checked, MAP } from './containment/gateway.js';
import { type GraphData, graphData, printGraph, type Spoil, spoil, spoilt } from './containment/graphs.js';
import { Violation } from './containment/guest.js';
import type { Stats } from './containment/oracle.js';
import { policyData, print } from './containment/policies.js';
import type { PolicyData } from './containment/policy-data.js';
import { type Step, step } from './containment/traffic.js';
import { Restless, type Script, World } from './containment/world.js';

const CASES = Number(process.env['POTEMKIN_CASES'] ?? 100_000);
const seed = process.env['POTEMKIN_SEED'] ?? '1';
const SEED = seed === 'random' ? Math.floor(Math.random() * 2 ** 31) : Number(seed);
/** Graphs that one round tries, of which each has so much to do; and rounds, when chance makes little of each. */
const GRAPHS = 50;
const ROUNDS = 100;

/** So often each of these must have happened in a whole run, or it shows nothing. */
const LEAST: Stats = {
  'packets left': 2000,
  'left as reply': 300,
  'left as begun': 400,
  'left within quotas': 300,
  'left tcp': 300,
  'left udp': 500,
  'left icmp': 300,
  'left errors': 80,
  'left later fragments': 15,
  'packets of clones delivered': 3000,
  'refusals delivered': 400,
  'CloneFarm.spoofed': 2000,
  'CloneFarm.gone': 150,
  'ExportPolicy.collision': 100,
  'ExportPolicy.options': 400,
  'ExportPolicy.quota': 400,
  'ExportPolicy.stopped': 100,
  'ExportPolicy.answer': 50,
  'ExportPolicy.fragment': 20,
  'ceilings not raised': 15,
  'graphs run': 150,
  'spoilt graphs run': 20,
  'graphs refused as leaking': 12,
};

const folder = t.testdir({ 'a.map': MAP });
const stats: Stats = {};
const count = (what: string) => {
  stats[what] = (stats[what] ?? 0) + 1;
};

const steps = fc.array(step, { minLength: 1, maxLength: 300, size: 'max' });

interface Made {
  readonly graph: GraphData;
  readonly first: readonly PolicyData[];
  readonly spare: readonly PolicyData[];
  readonly steps: readonly Step[];
  readonly spoil: Spoil | null;
}

const made: fc.Arbitrary<Made> = fc.record({
  graph: graphData,
  first: fc.array(policyData, { minLength: 4, maxLength: 4 }),
  spare: fc.array(policyData, { minLength: 1, maxLength: 2 }),
  steps,
  spoil: fc.oneof({ weight: 3, arbitrary: fc.constant(null) }, spoil),
});

/** Lets everything happen in one graph. @throws if something leaves that may not */
async function live({ graph, first, spare, steps, spoil }: Made): Promise<void> {
  const policies = new Map(graph.guards.map((name, i) => [name, first[i]!]));
  const script: Script = { graph: spoil ? spoilt(graph, spoil) : graph, policies, spare };
  const { text, sound, errors } = checked(folder, script.graph, policies);
  if (!sound) {
    if (!spoil) throw new Error(`a graph is refused: ${errors.join('\n')}\n${text}`);
    count(
      errors.some((each) => /without a licence|another universe/.test(each))
        ? 'graphs refused as leaking'
        : 'graphs refused',
    );
    return;
  }
  if (script.graph.wrapped) return count('spoilt graphs that wrap');
  count(spoil ? 'spoilt graphs run' : 'graphs run');
  const world = new World(folder, sound, script, stats);
  await world.start();
  try {
    for (const each of steps) world.play(each);
  } catch (error) {
    // A graph that was spoilt may lead in a circle, through a queue.
    if (!spoil || !(error instanceof Restless)) throw error;
    count('spoilt graphs that never rest');
  } finally {
    await world.stop();
  }
}

/** What failed, to be read by a person. */
function describe(case_: Made | undefined, error: unknown): string {
  const why = error instanceof Violation ? error.message : String((error as Error | undefined)?.stack ?? error);
  if (!case_) return why;
  const { graph, first, spare, steps, spoil } = case_;
  return [
    `${why}\n(POTEMKIN_SEED=${SEED} repeats it)`,
    printGraph(spoil ? spoilt(graph, spoil) : graph),
    ...graph.guards.map((name, i) => `# ${name}\n${print(first[i]!)}`),
    ...spare.map((policy) => `# spare\n${print(policy)}`),
    ...steps.map((step) => JSON.stringify(step)),
  ].join('\n\n');
}

t.setTimeout(0);
t.test('no packet leaves that no rule licensed', async (t) => {
  t.setTimeout(0);
  for (let round = 0; (stats['packets judged'] ?? 0) < CASES; round++) {
    if (round === ROUNDS)
      throw new Error(`only ${stats['packets judged']} packets were judged in ${ROUNDS * GRAPHS} graphs`);
    const result = await fc.check(fc.asyncProperty(made, live), {
      numRuns: GRAPHS,
      seed: SEED + round,
      endOnFailure: process.env['POTEMKIN_SHRINK'] === 'no',
      interruptAfterTimeLimit: 25_000,
    });
    if (!result.failed) continue;
    for (const line of describe(result.counterexample?.[0], result.errorInstance).split('\n')) t.comment(line);
    throw result.errorInstance ?? new Error('the test could not be run');
  }
  t.comment(`seed ${SEED}`);
  for (const [name, number] of Object.entries(stats).sort()) t.comment(`${number} ${name}`);
  const graphs = (stats['graphs run'] ?? 0) + (stats['spoilt graphs run'] ?? 0);
  t.ok(
    (stats['packets judged'] ?? 0) >= CASES,
    `${stats['packets judged']} packets of clones were judged, in ${graphs} graphs`,
  );
  if (CASES < 100_000) return;
  for (const [name, least] of Object.entries(LEAST)) {
    const number = stats[name] ?? 0;
    t.ok(number >= least, `enough of each happened to mean something: ${number} ${name}, at least ${least}`);
  }
});
