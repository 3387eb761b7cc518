/**
 * Cost of a lookup in the per-packet tables, by how many entries they hold, and their memory per entry.
 *
 *   node dist/bench/table.js
 */
import { Table } from '../src/packet/table.js';

const SIZES = [10_000, 100_000, 1_000_000, 10_000_000];
const BATCH = 256;
const ROUNDS = 8_000;

/** A full-period walk over [0, size), so that lookups come in no order the cache could like. */
const scramble = (i: number, size: number) => Number((BigInt(i) * 2_654_435_761n) % BigInt(size));

/** The median time of one of BATCH items of `work`, in ns. `prepare` is not timed. */
export function perItem(prepare: (round: number) => void, work: () => void, rounds = ROUNDS): number {
  const times = new Float64Array(rounds);
  for (let round = 0; round < rounds; round++) {
    prepare(round);
    const start = process.hrtime.bigint();
    work();
    times[round] = Number(process.hrtime.bigint() - start);
  }
  return times.sort()[rounds >> 1]! / BATCH;
}

/** A table with the keys (2, 3, 4, 0, i), as wide as the flow table's. */
function filled(size: number): Table {
  const table = new Table({ keyWords: 5, valueWords: 2, capacity: size });
  for (let i = 0; i < size; i += BATCH) {
    const n = Math.min(BATCH, size - i);
    for (let k = 0; k < n; k++) table.keys.set([2, 3, 4, 0, i + k], k * 5);
    table.upsert(n, 0);
  }
  return table;
}

for (const size of SIZES) {
  const table = filled(size);
  let at = 0;
  const prepare = (from: number) => () => {
    for (let k = 0; k < BATCH; k++) table.keys[k * 5 + 4] = from + scramble(at++, size);
  };
  const hit = perItem(prepare(0), () => table.lookup(BATCH));
  const miss = perItem(prepare(size), () => table.lookup(BATCH));
  const touch = perItem(prepare(0), () => table.upsert(BATCH, 1));
  console.log(
    `Table ${size} entries: hit ${hit.toFixed(1)} ns, miss ${miss.toFixed(1)} ns, upsert ${touch.toFixed(1)} ns, ${(table.bytes / size).toFixed(1)} bytes an entry`,
  );
}
