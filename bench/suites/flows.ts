import { BATCH } from '../../src/packet/columns.js';
import { Flows } from '../../src/packet/flows.js';
import { Packets } from '../../src/packet/packets.js';
import { Table } from '../../src/packet/table.js';
import { type Bench, batchTime, interleave, type Suite } from '../suite.js';

/** Entries, and what they are called in names of figures. */
const SIZES = { '10k': 10_000, '100k': 100_000, '1m': 1_000_000, '10m': 10_000_000 } as const;
/** Batches of one run. */
const BATCHES = 200;
/** Of the largest table against the smallest, and in bytes. */
const MOST_TIMES = 2;
const MOST_BYTES = 64;

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

/** A table as wide as the flow table's, full. */
function tableCases(size: number): Case[] {
  const table = new Table({ keyWords: 5, valueWords: 4, capacity: size });
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
    { ...entries, name: 'lookup', prepare: () => write(there), work: () => table.lookup(BATCH) },
    {
      ...entries,
      name: 'lookup-absent',
      prepare: () => write(() => size + there()),
      work: () => table.lookup(BATCH),
    },
    { ...entries, name: 'memory', prepare: () => {}, work: readMemory(table.memory) },
    { ...entries, name: 'upsert', prepare: () => write(there), work: () => table.upsert(BATCH, 1) },
  ];
}

/**
 * Two reads a packet at places of a table's memory that no cache could guess, one in its first thirtieth, as large as the
 * control words are, and one in the rest: what a lookup cannot do without, and the processor overlaps as well as it can.
 */
function readMemory(memory: Uint8Array): () => void {
  const words = new Uint32Array(memory.buffer, memory.byteOffset, memory.byteLength >> 2);
  const control = Math.floor(words.length / 30);
  const entries = words.length - control;
  // V8 would leave out a sum that nobody wants.
  const result = new Int32Array(1);
  let random = 1;
  return () => {
    let sum = 0;
    for (let i = 0; i < BATCH; i++) {
      random = (Math.imul(random, 1_664_525) + 1_013_904_223) >>> 0;
      const place = random * 2 ** -32;
      sum = (sum + words[Math.floor(place * control)]! + words[control + Math.floor(place * entries)]!) | 0;
    }
    result[0] = sum;
  };
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
      name: 'outside',
      prepare: () => {
        settle();
        write(there, 16, 0);
      },
      work: outside,
    },
    {
      ...entries,
      name: 'outside-stray',
      prepare: () => write(() => size + there(), 16, 0),
      work: outside,
    },
    {
      ...entries,
      name: 'inside',
      prepare: () => {
        settle();
        write(there, 16, 7);
      },
      work: () => flows.inside(packets, rows, BATCH, 1),
    },
    {
      ...entries,
      name: 'settle',
      prepare: () => {
        write(there, 16, 0);
        outside();
      },
      work: settle,
    },
  ];
}

async function run(bench: Bench): Promise<void> {
  const cases = Object.entries(SIZES).flatMap(([label, size]) => {
    bench.progress(`flows: filling tables of ${size}`);
    return [...tableCases(size), ...flowCases(size)].map((each) => ({ ...each, name: `flows/${each.name}-${label}` }));
  });
  const found = await interleave(
    bench,
    cases.map(({ name, prepare, work }) => ({
      name,
      run: () => new Map([[name, batchTime(BATCHES, work, prepare)]]),
    })),
  );
  const values = new Map(found.flatMap((each) => [...each]));
  const report = (name: string, unit: string, list: readonly number[], goal?: number) => {
    if (bench.wants(name)) bench.report({ name, unit, values: list, ...(goal !== undefined && { goal }) });
  };
  for (const [name, list] of values) report(name, 'ns/packet', list);
  for (const what of ['lookup', 'outside', 'memory']) {
    const [small, large] = [values.get(`flows/${what}-10k`)!, values.get(`flows/${what}-10m`)!];
    const ratios = large.map((time, i) => time / small[i]!);
    report(`flows/${what}-10m-to-10k`, 'times', ratios, what === 'memory' ? undefined : MOST_TIMES);
  }
  for (const { name, bytes } of cases) {
    if (name.startsWith('flows/outside-1')) report(name.replace('outside', 'bytes'), 'B/flow', [bytes], MOST_BYTES);
  }
}

export const flows: Suite = {
  name: 'flows',
  summary: 'the flow table and its hash table, from 10,000 to 10M entries',
  run,
};
