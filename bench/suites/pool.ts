import { readFileSync } from 'node:fs';
import type { ReferenceImage } from '../../src/farm/page-image.js';
import { PAGE_SIZE, type PageClone, Pool } from '../../src/farm/pool.js';
import { type Bench, type Case, interleave, medianTime, type Suite } from '../suite.js';

const SIZE = 128 << 20;
const PAGES = SIZE / PAGE_SIZE;
const IDLE = 10_000;
const BATCH = 256;
/** Milliseconds. */
const SETTLE = 500;

/** At most, by figure. */
const GOALS: Readonly<Record<string, number>> = {
  'pool/create': 50,
  'pool/reset-spread': 100,
  'pool/reset-dense': 100,
  'pool/idle-memory': 16,
};

/** 100 pages far from each other, as a guest would dirty them: each in a page table of its own, nearly; and neighbours. */
const DIRTY = {
  spread: Uint32Array.from({ length: 100 }, (_, i) => i * Math.floor(PAGES / 100)),
  dense: Uint32Array.from({ length: 100 }, (_, i) => i),
} as const;

/** KB in the lines of a file of /proc that have these names. */
function kilobytes(path: string, ...names: string[]): number {
  const lines = readFileSync(path, 'utf8').split('\n');
  return names.reduce((sum, name) => sum + Number(lines.find((line) => line.startsWith(`${name}:`))?.match(/\d+/)), 0);
}

/**
 * KB: resident pages, ours and JavaScript's, and page tables, after a collection of garbage. The kernel's record of each mapping
 * is in neither; Slab of the whole machine shows it.
 */
function memory(): { process: number; slab: number } {
  globalThis.gc?.();
  return { process: kilobytes('/proc/self/status', 'VmRSS', 'VmPTE'), slab: kilobytes('/proc/meminfo', 'Slab') };
}

function makeImage(pool: Pool): ReferenceImage {
  const image = pool.createImage(SIZE);
  for (let at = 0; at < SIZE; at += 1 << 20) image.write(at, new Uint8Array(1 << 20).fill(at >> 20));
  image.seal();
  return image;
}

const single = (name: string, unit: string, measure: () => number): Case & { unit: string } => ({
  name,
  unit,
  run: () => new Map([['', measure()]]),
});

/** What is done with one clone, in us. */
function cloneCases(image: ReferenceImage): (Case & { unit: string })[] {
  let clone: PageClone | undefined;
  const create = () => {
    clone = image.clone();
  };
  const close = () => clone?.close();
  const us = (name: string, times: number, work: () => void, prepare?: () => void) =>
    single(`pool/${name}`, 'us', () => medianTime(times, work, prepare) / 1000);
  const withClone = (each: Case & { unit: string }): Case & { unit: string } => ({
    ...each,
    run: () => {
      create();
      const found = each.run();
      close();
      return found;
    },
  });
  return [
    single('pool/create', 'us', () => {
      const made: PageClone[] = [];
      const time = medianTime(500, () => made.push(image.clone()));
      for (const each of made) each.close();
      return time / 1000;
    }),
    us('close', 500, close, create),
    ...Object.entries(DIRTY).flatMap(([name, pages]) => [
      withClone(
        us(
          `dirty-${name}`,
          200,
          () => clone!.touch(pages),
          () => clone!.reset(),
        ),
      ),
      withClone(
        us(
          `reset-${name}`,
          200,
          () => clone!.reset(),
          () => clone!.touch(pages),
        ),
      ),
    ]),
    withClone(
      us(
        'measure',
        200,
        () => void clone!.measure(),
        () => clone!.touch(DIRTY.spread),
      ),
    ),
  ];
}

/** Small reads and writes all over many clones, in ns each. */
function windowCases(pool: Pool, idle: readonly PageClone[]): (Case & { unit: string })[] {
  const window = new Uint8Array(128);
  const ids = new Uint32Array(BATCH);
  const offsets = new Float64Array(BATCH).fill(64);
  const windows = new Uint8Array(BATCH * 128);
  let next = 0;
  const each = (call: (one: PageClone) => void) => () => {
    for (let i = 0; i < BATCH; i++) call(idle[next++ % IDLE]!);
  };
  const choose = () => {
    for (let i = 0; i < BATCH; i++) ids[i] = idle[next++ % IDLE]!.id;
  };
  const ns = (name: string, work: () => void, prepare?: () => void) =>
    single(`pool/${name}`, 'ns', () => medianTime(200, work, prepare) / BATCH);
  return [
    ns(
      'read-128',
      each((one) => one.read(64, window)),
    ),
    ns(
      'write-128',
      each((one) => one.write(64, window)),
    ),
    ns('gather-128', () => pool.gather(ids, offsets, 128, windows), choose),
    ns('scatter-128', () => pool.scatter(ids, offsets, 128, windows), choose),
  ];
}

async function run(bench: Bench): Promise<void> {
  const pool = new Pool({ budget: 8 * 2 ** 30 });
  const report = (name: string, unit: string, values: readonly number[]) => {
    const goal = GOALS[name];
    if (bench.wants(name)) bench.report({ name, unit, values, ...(goal !== undefined && { goal }) });
  };
  try {
    const image = makeImage(pool);
    bench.progress(`pool: making ${IDLE} clones`);
    // What other suites left behind is given back to the system only some time after it was collected.
    globalThis.gc?.();
    await new Promise((resolve) => setTimeout(resolve, SETTLE));
    const before = memory();
    const idle = Array.from({ length: IDLE }, () => image.clone());
    const after = memory();
    report('pool/idle-memory', 'KB/clone', [(after.process - before.process) / IDLE]);
    report('pool/idle-slab', 'KB/clone', [(after.slab - before.slab) / IDLE]);

    const cases = [
      ...cloneCases(image),
      single('pool/measure-all', 'us', () => medianTime(3, () => void pool.measure()) / 1000),
    ];
    const written = windowCases(pool, idle);
    const measure = async (list: (Case & { unit: string })[]) => {
      const found = await interleave(bench, list);
      for (const [i, { name, unit }] of list.entries()) report(name, unit, found[i]!.get('')!);
    };
    await measure(cases);
    const clean = memory();
    const window = new Uint8Array(128);
    for (const one of idle) one.write(0, window);
    report('pool/page-memory', 'KB/clone', [(memory().process - clean.process) / IDLE]);
    await measure(written);
  } finally {
    pool.close();
  }
}

export const pool: Suite = { name: 'pool', summary: 'what clones of a 128 MB image cost in time and memory', run };
