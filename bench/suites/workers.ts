import { closeSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { commonOf } from '../../src/control/spread.js';
import { elements } from '../../src/elements/index.js';
import { workerFor } from '../../src/packet/spread.js';
import type { CheckedGraph } from '../../src/pipeline/check.js';
import { Engine } from '../../src/pipeline/engine.js';
import { Registry } from '../../src/pipeline/registry.js';
import { readChain } from '../chain.js';
import { Take } from '../elements/Take.js';
import { threadTime } from '../processor.js';
import { type Bench, interleave, type Suite, type Values } from '../suite.js';
import { greCapture } from '../workload/gre.js';

const PACKETS = 400_000;
const FLOWS = 1 << 20;
const COUNTS = [1, 2, 4];
/** The part of the packets that goes first, untimed: tables are touched for the first time, and V8 compiles. */
const FIRST = 0.3;
/** Of two workers, how much more they do than one. */
const FLOOR = 1.6;
/** Bytes of a record in front of its IPv4 packet: the record's header and Ethernet's. */
const BEFORE = 16 + 14;
/** Where a record has those of its time. There are fewer than a million packets. */
const MICROSECONDS = 4;

const registry = new Registry([...elements.names.map((name) => elements.get(name)!), Take]);

/** What one of several workers gets of the workload, as a capture. */
interface Part {
  readonly file: string;
  packets: number;
}

/** Splits the workload as the rings of so many workers do. */
function split(folder: string, workers: number): Part[] {
  const parts = Array.from({ length: workers }, (_, i) => ({ file: join(folder, `${workers}-${i}.pcap`), packets: 0 }));
  const files = parts.map(({ file }) => openSync(file, 'w'));
  const [header, ...records] = greCapture({ packets: PACKETS, flows: PACKETS });
  for (const file of files) writeSync(file, header!);
  for (const [i, file] of files.entries()) {
    const own = records.filter((record) => workerFor(record.subarray(BEFORE), workers) === i);
    // Each gets as many a second as one worker alone: a turn of FromDump spans a millisecond at most.
    for (const [number, record] of own.entries()) record.writeUInt32LE(number, MICROSECONDS);
    parts[i]!.packets = own.length;
    writeSync(file, Buffer.concat(own));
    closeSync(file);
  }
  return parts;
}

const graphOf = ({ file }: Part): CheckedGraph => readChain('universes', { IN: file, FLOWS: String(FLOWS) });

/** Lets one worker do its part. @returns ns of processor time, and packets that reached the farm's place */
async function work(part: Part, worker: number, workers: number, common: ReadonlyMap<string, unknown>) {
  const share = { share: { worker, workers }, ...(workers > 1 && { common }) };
  const engine = new Engine(graphOf(part), registry, { seed: 1n, ...share });
  engine.stats.share();
  await engine.start();
  const source = engine.links.find(({ from }) => from.element.className === 'FromDump')!;
  while (source.packets.value < part.packets * FIRST && engine.turn());
  // Else the tables of the worker before are freed in this one's time.
  globalThis.gc?.();
  const [begin, before] = [source.packets.value, threadTime()];
  await engine.run();
  const time = ((threadTime() - before) / (part.packets - begin)) * part.packets;
  const counted = Number(engine.handlers.read('counter.count'));
  await engine.stop();
  return { time, counted };
}

/** Lets workers do their parts one after the other, as if each had a processor. @returns time of the one that takes longest */
async function race(parts: readonly Part[]): Promise<Values> {
  const common = commonOf(graphOf(parts[0]!), 1n);
  const times: number[] = [];
  let passed = 0;
  for (const [worker, part] of parts.entries()) {
    const { time, counted } = await work(part, worker, parts.length, common);
    times.push(time);
    passed += counted;
  }
  return new Map([
    ['passed', passed],
    ['longest', Math.max(...times)],
    ['sum', times.reduce((sum, time) => sum + time, 0)],
  ]);
}

async function run(bench: Bench): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'potemkin-bench-'));
  try {
    const parts = new Map(COUNTS.map((workers) => [workers, split(folder, workers)]));
    const cases = COUNTS.map((workers) => ({ name: `workers/${workers}`, run: () => race(parts.get(workers)!) }));
    const found = await interleave(bench, cases);
    const [alone] = found;
    for (const [i, workers] of COUNTS.entries()) {
      const { longest, sum, passed } = Object.fromEntries(found[i]!) as Record<'longest' | 'sum' | 'passed', number[]>;
      const expected = alone!.get('passed')![0]!;
      // With the next worker time begins anew, so that a scan may be taken for an old one.
      const differ = passed.find((each) => Math.abs(each - expected) > PACKETS / 10_000);
      if (differ !== undefined) throw new Error(`${differ} packets passed, not ${expected}`);
      const most = Math.max(...parts.get(workers)!.map(({ packets }) => packets));
      bench.report({ name: `workers/${workers}/busiest`, unit: '% of packets', values: [(most / PACKETS) * 100] });
      bench.report({ name: `workers/${workers}/cpu`, unit: 'ns/packet', values: sum.map((time) => time / PACKETS) });
      bench.report({
        name: `workers/${workers}/gain`,
        unit: 'x',
        values: longest.map((time, round) => alone!.get('longest')![round]! / time),
        ...(workers === 2 && { floor: FLOOR }),
      });
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

export const workers: Suite = {
  name: 'workers',
  summary: 'how evenly several workers share the workload, and what they gain, one after the other',
  run,
};
