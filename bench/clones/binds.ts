import type { Bench } from '../suite.js';
import { type Bound, Farm, type FarmOptions, STEPS, type Times } from './farm.js';
import { AGENT, TRANSLATED } from './images.js';
import { percentile } from './percentile.js';

const STANDBY = { least: 8, most: 8, builders: 2, rate: 1000 } as const;

/** At most, in ms. */
const RUNNING = { p50: 2, p99: 5 } as const;
const COLD = 150;

/** What is known of a clone of 2005: SOSP 2005, ping to reply. */
const POTEMKIN =
  'Potemkin (SOSP 2005): 521 ms from ping to reply, of which memory 11 ms; control, devices and network the rest.';

/** Binds clones one after the other, each when `before` lets it, and destroys them. */
async function bindEach(
  options: Pick<FarmOptions, 'state' | 'image' | 'standby'>,
  count: number,
  before: (farm: Farm, done: number) => Promise<void>,
): Promise<Bound[]> {
  const farm = await Farm.open(options);
  const bound: Bound[] = [];
  try {
    while (bound.length < count) {
      await before(farm, bound.length);
      const one = await farm.bind();
      farm.destroy(one.id);
      bound.push(one);
    }
  } finally {
    await farm.close();
  }
  return bound;
}

const since = (times: Times, step: (typeof STEPS)[number], before: number) => (times[step] ?? before) - before;

/** How long each step took by itself, medians, in a line. */
function breakdown(name: string, all: readonly Times[]): string {
  const steps = STEPS.filter((step) => all[0]![step] !== undefined);
  const parts = steps.map((step, i) => {
    const took = all.map((times) => since(times, step, i === 0 ? 0 : times[steps[i - 1]!]!));
    return `${step} ${percentile(took, 50).toFixed(2)}`;
  });
  const sum = percentile(
    all.map(({ answered }) => answered),
    50,
  ).toFixed(2);
  return `${name}, ms from step to step (medians): ${parts.join(', ')}; in all ${sum}`;
}

/** Clones of machines that stand by, from the request to the machine that runs, and on to its answer. */
export async function warmBinds(bench: Bench, state: string): Promise<void> {
  const count = bench.quick ? 20 : 200;
  const lines: string[] = [];
  for (const [mode, image] of [
    ['agent', AGENT],
    ['translated', TRANSLATED],
  ] as const) {
    const name = `clones/bind/${mode}`;
    if (!bench.wants(name)) continue;
    const bound = await bindEach({ state, image, standby: STANDBY }, count, async (farm, done) => {
      bench.progress(`${name}: ${done} of ${count}`);
      // All of them, so that none is made while this one is bound, but for the one that replaces it.
      await farm.standingBy(STANDBY.least);
    });
    const cold = bound.filter(({ origin }) => origin === 'cold').length;
    if (cold > 0) throw new Error(`${name}: ${cold} of ${count} clones were cold`);
    const all = bound.map(({ times }) => times);
    const running = all.map((times) => times.running!);
    bench.report({ name: `${name}/running`, unit: 'ms', values: running, goal: RUNNING.p50 });
    bench.report({ name: `${name}/running-p99`, unit: 'ms', values: [percentile(running, 99)], goal: RUNNING.p99 });
    bench.report({ name: `${name}/reply`, unit: 'ms', values: all.map(({ answered }) => answered) });
    lines.push(breakdown(name, all));
  }
  if (lines.length > 0) bench.note([...lines, POTEMKIN].join('\n'));
}

/** Clones that nobody was prepared for. */
export async function coldBinds(bench: Bench, state: string): Promise<void> {
  const name = 'clones/cold';
  if (!bench.wants(name)) return;
  const count = bench.quick ? 4 : 30;
  const standby = { least: 0, most: 0, builders: 2, rate: 1000 };
  const bound = await bindEach({ state, image: AGENT, standby }, count, async (_, done) => {
    bench.progress(`${name}: ${done} of ${count}`);
  });
  const all = bound.map(({ times }) => times);
  bench.report({ name: `${name}/reply`, unit: 'ms', values: all.map(({ answered }) => answered), goal: COLD });
  bench.note(breakdown(name, all));
}
