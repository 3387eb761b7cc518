/**
 * Cost of a lookup in the per-packet tables by how many entries they hold, and their memory per entry.
 *
 *   node dist/bench/table.js [ENTRIES…]
 */
import { Flows } from '../src/packet/flows.js';
import { Packets } from '../src/packet/packets.js';
import { Table } from '../src/packet/table.js';

const given = process.argv.slice(2).map(Number);
const SIZES = given.length > 0 ? given : [10_000, 100_000, 1_000_000, 10_000_000];
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

/** A full flow table of TCP connections from outside. */
function flowCases(size: number): Case[] {
  const flows = new Flows({ capacity: size, fragments: 1 });
  const packets = new Packets();
  const rows = Uint16Array.from({ length: BATCH }, () => packets.take());
  const write = (next: () => number, flags: number, universe: number) => {
    for (const row of rows) {
      const i = next();
      const inside = universe !== 0;
      packets.src[row] = inside ? 0x0a000000 + (i >>> 8) : 0xc6336400 + i;
      packets.dst[row] = inside ? 0xc6336400 + i : 0x0a000000 + (i >>> 8);
      packets.sport[row] = inside ? 80 : 40_000;
      packets.dport[row] = inside ? 40_000 : 80;
      packets.proto[row] = 6;
      packets.tcpFlags[row] = flags;
      packets.universe[row] = universe;
      packets.clone[row] = 1;
    }
  };
  let i = 0;
  for (let at = 0; at < size; at += BATCH) {
    write(() => Math.min(i++, size - 1), 2, 0);
    flows.outside(packets, rows, BATCH, 0);
    packets.universe.fill(7);
    flows.settle(packets, rows, BATCH);
  }
  const there = walk(size);
  const entries = { size, bytes: flows.bytes / size };
  const settle = () => flows.settle(packets, rows, BATCH);
  const outside = () => flows.outside(packets, rows, BATCH, 1);
  return [
    {
      ...entries,
      name: 'Flows outside, known',
      prepare: () => {
        settle();
        write(there, 16, 0);
      },
      work: outside,
    },
    {
      ...entries,
      name: 'Flows outside, stray',
      prepare: () => write(() => size + there(), 16, 0),
      work: outside,
    },
    {
      ...entries,
      name: 'Flows inside, known',
      prepare: () => {
        settle();
        write(there, 16, 7);
      },
      work: () => flows.inside(packets, rows, BATCH, 1),
    },
    {
      ...entries,
      name: 'Flows settle',
      prepare: () => {
        write(there, 16, 0);
        outside();
      },
      work: settle,
    },
  ];
}

const cases = SIZES.flatMap((size) => [...tableCases(size), ...flowCases(size)]);
const results = measure(cases);
console.log('what                              entries    ns   bytes an entry');
cases.forEach(({ name, size, bytes }, i) => {
  console.log(
    `${name.padEnd(28)} ${String(size).padStart(12)} ${results[i]!.toFixed(1).padStart(5)} ${bytes.toFixed(1).padStart(16)}`,
  );
});
