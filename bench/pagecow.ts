/**
 * What clones of a 128 MB image cost in time and memory.
 *
 *   node --expose-gc dist/bench/pagecow.js
 *
 * Times are medians. Process memory is VmRSS + VmPTE of /proc/self/status (resident pages, ours and JavaScript's,
 * and page tables), after a collection of garbage. The kernel's record of each mapping is in neither: Slab of
 * /proc/meminfo, which counts the whole machine's, shows it.
 */
import { readFileSync } from 'node:fs';
import { PAGE_SIZE, type PageClone, Pool } from '../src/farm/pool.js';

const SIZE = 128 << 20;
const PAGES = SIZE / PAGE_SIZE;
const IDLE = 10_000;
const BATCH = 256;

const rows: { what: string; value: string; goal?: string }[] = [];
const report = (what: string, value: number, unit: string, goal?: string) =>
  rows.push({ what, value: `${value.toFixed(value < 100 ? 2 : 0)} ${unit}`, ...(goal ? { goal } : {}) });

/** The median time of `work` in µs; `prepare` and `after` are not timed. */
function median(rounds: number, work: () => void, prepare = () => {}, after = () => {}): number {
  const times = new Float64Array(rounds);
  for (let round = 0; round < rounds; round++) {
    prepare();
    const start = process.hrtime.bigint();
    work();
    times[round] = Number(process.hrtime.bigint() - start) / 1000;
    after();
  }
  return times.sort()[rounds >> 1]!;
}

/** KB in the lines of a file of /proc that have these names. */
function kilobytes(path: string, ...names: string[]): number {
  const lines = readFileSync(path, 'utf8').split('\n');
  return names.reduce((sum, name) => sum + Number(lines.find((line) => line.startsWith(`${name}:`))?.match(/\d+/)), 0);
}

function memory(): { process: number; slab: number } {
  globalThis.gc?.();
  return { process: kilobytes('/proc/self/status', 'VmRSS', 'VmPTE'), slab: kilobytes('/proc/meminfo', 'Slab') };
}

const pool = new Pool({ budget: 8 * 2 ** 30 });
const image = pool.createImage(SIZE);
for (let at = 0; at < SIZE; at += 1 << 20) image.write(at, new Uint8Array(1 << 20).fill(at >> 20));
image.seal();

const before = memory();
const idle = Array.from({ length: IDLE }, () => image.clone());
const after = memory();
report(`process memory of an idle clone, of ${IDLE}`, (after.process - before.process) / IDLE, 'KB', '< 16 KB');
report('… and Slab of the machine', (after.slab - before.slab) / IDLE, 'KB');

let clone: PageClone | undefined;
const close = () => clone?.close();
const create = () => {
  clone = image.clone();
};
report('create a clone', median(2000, create, undefined, close), 'µs', '< 50 µs');
report('close an idle clone', median(2000, close, create), 'µs');

// 100 pages far from each other, as a guest would dirty them: each in a page table of its own, nearly.
const spread = Uint32Array.from({ length: 100 }, (_, i) => i * Math.floor(PAGES / 100));
const dense = Uint32Array.from({ length: 100 }, (_, i) => i);
create();
for (const [name, pages] of [
  ['spread over the image', spread],
  ['side by side', dense],
] as const) {
  const dirty = () => clone!.touch(pages);
  const reset = () => clone!.reset();
  report(`dirty 100 pages ${name}`, median(500, dirty, reset), 'µs');
  report(`reset 100 dirty pages ${name}`, median(500, reset, dirty), 'µs', '< 100 µs');
}
clone!.touch(spread);
report(
  'measure a clone with 100 dirty pages',
  median(500, () => void clone!.measure()),
  'µs',
);
close();
{
  const slow = new Pool({ budget: 2 ** 30, scan: 'pagemap' });
  const one = slow.adoptImage(image.fd).clone();
  one.touch(spread);
  report(
    '… by /proc/self/pagemap',
    median(100, () => void one.measure()),
    'µs',
  );
  slow.close();
}

report(
  'measure the pool of idle clones',
  median(5, () => void pool.measure()),
  'µs',
);

const window = new Uint8Array(128);
const unwritten = memory();
for (const one of idle) one.write(0, window);
const written = memory();
report('process memory of one page written in each', (written.process - unwritten.process) / IDLE, 'KB');
report('… in the accounts', (pool.accounts.delta + pool.accounts.tables) / IDLE / 1024, 'KB');

let next = 0;
const calls = (call: (one: PageClone) => void) => () => {
  for (let i = 0; i < BATCH; i++) call(idle[next++ % IDLE]!);
};
report(
  'read 128 bytes',
  (median(
    500,
    calls((one) => one.read(64, window)),
  ) /
    BATCH) *
    1000,
  'ns',
);
report(
  'write 128 bytes to a dirty page',
  (median(
    500,
    calls((one) => one.write(64, window)),
  ) /
    BATCH) *
    1000,
  'ns',
);
const ids = new Uint32Array(BATCH);
const offsets = new Float64Array(BATCH).fill(64);
const windows = new Uint8Array(BATCH * 128);
const choose = () => {
  for (let i = 0; i < BATCH; i++) ids[i] = idle[next++ % IDLE]!.id;
};
const gather = median(500, () => pool.gather(ids, offsets, 128, windows), choose);
report(`gather 128 bytes of each of ${BATCH} clones`, (gather / BATCH) * 1000, 'ns each');
const scatter = median(500, () => pool.scatter(ids, offsets, 128, windows), choose);
report('scatter them', (scatter / BATCH) * 1000, 'ns each');

pool.close();
console.table(rows);
