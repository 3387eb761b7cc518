/**
 * The sender of the suites drivers and live, in a process of its own: offer.js NAMESPACE RATE SECONDS [FLOWS]. It sends GRE
 * packets that are all alike, or those of the bench's workload, of so many flows in turn.
 */
import { native } from '../src/native/addon.js';
import { ROWS } from '../src/packet/columns.js';
import { Packets } from '../src/packet/packets.js';
import { add, packet } from '../test/e2e/packets.js';
import { greCapture } from './workload/gre.js';

const GRE = 47;
const SIZE = 100;
/** Packets of one system call. */
const BURST = 32;
/** Bytes of a record of the workload in front of its IPv4 packet: the record's header and Ethernet's. */
const BEFORE = 16 + 14;

/** Tables that are sent one after the other. */
function load(flows: number): Packets[] {
  const tables = [new Packets()];
  if (flows === 0) {
    for (let i = 0; i < BURST; i++) add(tables[0]!, packet({ size: SIZE, protocol: GRE, id: i + 1 }));
    return tables;
  }
  const [, ...records] = greCapture({ packets: flows, flows });
  for (const record of records) {
    if (tables.at(-1)!.used === ROWS) tables.push(new Packets());
    add(tables.at(-1)!, record.subarray(BEFORE));
  }
  return tables;
}

const [space, rate, seconds, flows = 0] = [process.argv[2]!, ...process.argv.slice(3).map(Number)] as [
  string,
  number,
  number,
  number?,
];
native.enterNamespace(space);
const link = native.openLink('leg', Uint8Array.of(2, 0, 0, 0, 0, 2));
const tables = load(flows);
const rows = new Uint16Array(BURST);
let table = 0;
let first = 0;

/** Sends the next packets. @returns how many the interface took */
function burst(): number {
  const { bytes, used } = tables[table]!;
  const count = Math.min(BURST, used - first);
  for (let i = 0; i < count; i++) rows[i] = first + i;
  const sent = Math.max(0, link.send(bytes, rows, count));
  first += count;
  if (first === used) [table, first] = [(table + 1) % tables.length, 0];
  return sent;
}

const start = performance.now();
let sent = 0;
for (let now = start; now < start + seconds * 1000; now = performance.now()) {
  while (sent < ((now - start) / 1000) * rate) sent += burst();
}
process.send?.({ sent, seconds: (performance.now() - start) / 1000 });
process.disconnect?.();
