import { native } from '../../src/native/addon.js';
import { CHECK } from '../../src/native/ip.js';
import { Batch } from '../../src/packet/batch.js';
import { CaptureReader, captureHeader, RECORD_HEADER } from '../../src/packet/capture.js';
import { BATCH, MAX_PACKET } from '../../src/packet/columns.js';
import { Packets } from '../../src/packet/packets.js';
import { makeTunnel } from '../../src/packet/tunnel.js';
import { type Bench, interleave, median, type Suite } from '../suite.js';

const BATCHES = 1000;
const LOCAL = 0xc0000202;
const REMOTE = 0xc0000201;
/** ns a packet at most. */
const GOALS: Readonly<Record<string, number>> = { 'gre/decapsulate': 30 };

const packets = new Packets();
const batch = new Batch();
const tunnel = makeTunnel({ local: LOCAL, remote: REMOTE });
const toUs = makeTunnel({ local: REMOTE, remote: LOCAL });
const args = () => [packets.bytes, batch.rows, batch.count] as const;

/** A capture file of one batch of SYNs in GRE, each of another flow. */
function capture(): Buffer {
  packets.reset();
  batch.clear();
  for (let i = 0; i < BATCH; i++) {
    const row = packets.take();
    const bytes = Buffer.alloc(40);
    bytes.set([0x45, 0, 0, 40, 0, 0, 0, 0, 64, 6]);
    bytes.writeUInt32BE(0xc6336400 + i, 12);
    bytes.writeUInt32BE(0x0a630000 + i * 3, 16);
    bytes.writeUInt16BE(1024 + i, 20);
    bytes.writeUInt16BE(445, 22);
    bytes.set([0x50, 2], 32);
    packets.bytes.set(bytes, packets.start[row]!);
    packets.length[row] = bytes.length;
    batch.add(row);
  }
  native.ipFinish(...args());
  native.greEncapsulate(...args(), toUs);
  const records = new Uint8Array(BATCH * (RECORD_HEADER + MAX_PACKET));
  const written = native.captureWrite(...args(), false, records);
  return Buffer.concat([captureHeader(false), records.subarray(0, written)]);
}

/** Each step works on what the one before it left, on the way a captured tunnel packet takes and back. */
function steps(): [name: string, step: () => void][] {
  const file = capture();
  const written = new Uint8Array(BATCH * (RECORD_HEADER + MAX_PACKET));
  return [
    ['gre/read', () => new CaptureReader().read(file, packets, batch)],
    ['gre/decapsulate', () => native.greDecapsulate(...args(), tunnel)],
    ['gre/check-ip', () => native.ipCheck(...args(), CHECK.headers)],
    ['gre/check-transport', () => native.ipCheck(...args(), CHECK.transport)],
    ['gre/rewrite', () => native.ipRewrite(...args())],
    ['gre/encapsulate', () => native.greEncapsulate(...args(), toUs)],
    ['gre/write', () => native.captureWrite(...args(), false, written)],
  ];
}

async function run(bench: Bench): Promise<void> {
  const all = steps();
  const play = () => {
    const times = all.map(() => new Float64Array(BATCHES));
    for (let i = 0; i < BATCHES; i++) {
      packets.reset();
      batch.clear();
      for (const [at, [, step]] of all.entries()) {
        const start = performance.now();
        step();
        times[at]![i] = ((performance.now() - start) * 1e6) / BATCH;
      }
      if (packets.fault.some((fault) => fault !== 0)) throw new Error('a packet is faulty');
    }
    return new Map(all.map(([name], at) => [name, median(times[at]!)]));
  };
  const [found] = await interleave(bench, [{ name: 'gre', run: play }]);
  for (const [name, values] of found!) {
    const goal = GOALS[name];
    if (bench.wants(name)) bench.report({ name, unit: 'ns/packet', values, ...(goal !== undefined && { goal }) });
  }
}

export const gre: Suite = { name: 'gre', summary: 'native parsers and writers, a batch a call', run };
