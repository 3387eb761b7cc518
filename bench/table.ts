/**
 * Cost of a lookup in the per-packet tables by how many entries they hold, and their memory per entry.
 *
 *   node dist/bench/table.js
 */
import { Table } from '../src/packet/table.js';

const SIZES = [10_000, 100_000, 1_000_000, 10_000_000];
const BATCH = 256;
/** Turns of all cases, batches of a case in one turn. The first quarter of them warms the caches. */
const TURNS = 40;
const BATCHES = 80;

interface Case {
  name: string;
  size: number;
  bytes: number;
  prepare: () => void;
  work: () => void;
}

/** Entries in an order that no cache could like: a walk over [0, size) in large steps. */
function walk(size: number): () => number {
  const step = Math.floor(size * 0.618) | 1;
  let at = 0;
  return () => {
    at = (at + step) % size;
    return at;
  };
}

/** The median time of one item in ns, case by case, the cases taking turns so that noise hits all alike. */
function measure(cases: Case[]): number[] {
  const times = cases.map(() => [] as number[]);
  for (let turn = 0; turn < TURNS; turn++) {
    cases.forEach(({ prepare, work }, i) => {
      for (let batch = 0; batch < BATCHES; batch++) {
        prepare();
        const start = process.hrtime();
        work();
        const [seconds, nanoseconds] = process.hrtime(start);
        if (batch >= BATCHES / 4) times[i]!.push((seconds * 1e9 + nanoseconds) / BATCH);
      }
    });
  }
  return times.map((list) => list.sort((a, b) => a - b)[list.length >> 1]!);
}

/** A table as wide as the flow table's, full. */
function tableCases(size: number): Case[] {
  const table = new Table({ keyWords: 5, valueWords: 2, capacity: size });
  const write = (next: () => number) => {
    for (let i = 0; i < BATCH; i++) table.keys.set([2, 3, 4, 0, next()], i * 5);
  };
  let i = 0;
  for (let at = 0; at < size; at += BATCH) {
    write(() => Math.min(i++, size - 1));
    table.upsert(BATCH, 0);
  }
  const there = walk(size);
  const entries = { size, bytes: table.bytes / size };
  return [
    { ...entries, name: 'Table lookup, found', prepare: () => write(there), work: () => table.lookup(BATCH) },
    {
      ...entries,
      name: 'Table lookup, not found',
      prepare: () => write(() => size + there()),
      work: () => table.lookup(BATCH),
    },
    { ...entries, name: 'Table upsert, found', prepare: () => write(there), work: () => table.upsert(BATCH, 1) },
  ];
}

const cases = SIZES.flatMap((size) => tableCases(size));
const results = measure(cases);
console.log('what                              entries    ns   bytes an entry');
cases.forEach(({ name, size, bytes }, i) => {
  console.log(
    `${name.padEnd(28)} ${String(size).padStart(12)} ${results[i]!.toFixed(1).padStart(5)} ${bytes.toFixed(1).padStart(16)}`,
  );
});
