import { readFileSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';
import type { Bench } from '../suite.js';
import { type Bound, Farm } from './farm.js';
import { AGENT } from './images.js';
import { processorTime } from './processes.js';
import { KINDS, privateMemory } from './smaps.js';

/** More than one, so that what clones share is not taken for one's own. */
const CLONES = 4;
const STANDBY = { least: CLONES, most: CLONES, builders: 2, rate: 1000 } as const;

/** At most, in MB. */
const DELTA = 1;
const PRIVATE = 32;

const megabytes = (bytes: number) => bytes / 2 ** 20;

/** What clones use when nothing happens. */
export async function idleClones(bench: Bench, state: string): Promise<void> {
  const name = 'clones/idle';
  if (!bench.wants(name)) return;
  const seconds = bench.quick ? 5 : 30;
  const farm = await Farm.open({ state, image: AGENT, standby: STANDBY });
  try {
    const clones: Bound[] = [];
    await farm.standingBy(CLONES);
    while (clones.length < CLONES) clones.push(await farm.bind());
    const before = clones.map(({ machine }) => processorTime(machine.pid));
    for (let left = seconds; left > 0; left--) {
      bench.progress(`${name}: ${left} s`);
      await setTimeout(1000);
    }
    const busy = clones.map(({ machine }, i) => (processorTime(machine.pid) - before[i]!) / seconds / 10);
    const memory = clones.map(({ machine }) => privateMemory(readFileSync(`/proc/${machine.pid}/smaps`, 'latin1')));
    const report = (what: string, values: readonly number[], goal?: number) =>
      bench.report({ name: `${name}/${what}`, unit: 'MB', values: values.map(megabytes), ...(goal && { goal }) });
    report(
      'delta',
      clones.map(({ machine }) => machine.memory.delta()),
      DELTA,
    );
    report(
      'private',
      memory.map((kinds) => KINDS.reduce((sum, kind) => sum + kinds[kind], 0)),
      PRIVATE,
    );
    for (const kind of KINDS)
      report(
        `private-${kind}`,
        memory.map((kinds) => kinds[kind]),
      );
    bench.report({ name: `${name}/cpu`, unit: '% of a processor', values: busy });
  } finally {
    await farm.close();
  }
}
