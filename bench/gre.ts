/**
 * Cost of the native parsers for a packet, by the batch, on the way a captured tunnel packet takes: each step works on what
 * the one before it left.
 *
 *   node dist/bench/gre.js
 */
import { native } from '../src/native/addon.js';
import { CHECK } from '../src/native/ip.js';
import { Batch } from '../src/packet/batch.js';
import { CaptureReader, captureHeader, RECORD_HEADER } from '../src/packet/capture.js';
import { BATCH, MAX_PACKET } from '../src/packet/columns.js';
import { Packets } from '../src/packet/packets.js';
import { makeTunnel } from '../src/packet/tunnel.js';

const BATCHES = 4000;
const LOCAL = 0xc0000202;
const REMOTE = 0xc0000201;

const packets = new Packets();
const batch = new Batch();
const tunnel = makeTunnel({ local: LOCAL, remote: REMOTE });
const toUs = makeTunnel({ local: REMOTE, remote: LOCAL });
const args = () => [packets.bytes, batch.rows, batch.count] as const;

/** A capture file of one batch of SYNs in GRE, each of another flow. */
function capture(): Buffer {
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

const file = capture();
const written = new Uint8Array(BATCH * (RECORD_HEADER + MAX_PACKET));
const steps: [string, () => void][] = [
  ['read from pcap', () => new CaptureReader().read(file, packets, batch)],
  ['decapsulate GRE', () => native.greDecapsulate(...args(), tunnel)],
  ['check IPv4', () => native.ipCheck(...args(), CHECK.headers)],
  ['check IPv4 and TCP', () => native.ipCheck(...args(), CHECK.transport)],
  ['rewrite addresses', () => native.ipRewrite(...args())],
  ['encapsulate GRE', () => native.greEncapsulate(...args(), toUs)],
  ['write to pcap', () => native.captureWrite(...args(), false, written)],
];

const times = steps.map(() => [] as number[]);
for (let i = 0; i < BATCHES; i++) {
  packets.reset();
  batch.clear();
  steps.forEach(([, step], at) => {
    const start = process.hrtime();
    step();
    const [seconds, nanoseconds] = process.hrtime(start);
    times[at]!.push((seconds * 1e9 + nanoseconds) / BATCH);
  });
  if (packets.fault.some((fault) => fault !== 0)) throw new Error('a packet is faulty');
}
console.log(`what                   ns a packet (median of ${BATCHES} batches of ${BATCH})`);
steps.forEach(([name], at) => {
  const sorted = times[at]!.slice(BATCHES / 4).sort((a, b) => a - b);
  console.log(`${name.padEnd(22)} ${sorted[sorted.length >> 1]!.toFixed(1)}`);
});
