/** A thread in the router's place: pings clones without end, and notes when the kernel has received the last answer. */
import { parentPort, workerData } from 'node:worker_threads';
import { encapsulate } from '../../src/control/lab/gre.js';
import { native } from '../../src/native/addon.js';
import { BATCH, ROWS } from '../../src/packet/columns.js';
import { Packets } from '../../src/packet/packets.js';
import { PROTOCOL } from '../../src/packet/protocol.js';
import { LEFT, RIGHT } from '../../test/e2e/packets.js';
import { craft } from '../../test/unit/craft.js';
import { darkAddress } from '../clones/probe.js';

export interface CallerOrder {
  readonly namespace: string;
  readonly interface: string;
  /** Callers, each of whom pings one clone; packets of each in a second. */
  readonly callers: number;
  readonly rate: number;
}

/** What has come back until now: packets, and when the last of them came, in ms since the epoch. */
export interface Heard {
  readonly packets: number;
  readonly last: number;
}

const BUFFER = 8 << 20;
/** Milliseconds. */
const PERIOD = 1;
const FIRST_CALLER = 0xc6336401;

const order = workerData as CallerOrder;
native.enterNamespace(order.namespace);
const leg = native.openRaw({
  ...{ protocol: PROTOCOL.gre, local: LEFT, interface: order.interface },
  receiveBuffer: BUFFER,
});
const outbox = new Packets();
const inbox = new Packets();
const rows = new Uint16Array(ROWS);
const pings = Array.from({ length: order.callers }, (_, n) =>
  craft({ proto: PROTOCOL.icmp, src: FIRST_CALLER + n, dst: darkAddress(n), payload: Buffer.alloc(32) }),
);
let packets = 0;
let last = 0;

leg.onReadable(() => {
  for (let count = BATCH; count === BATCH; ) {
    inbox.reset();
    count = leg.receive(inbox.bytes, 0, BATCH);
    if (count <= 0) return;
    packets += count;
    last = inbox.sec[count - 1]! * 1e3 + inbox.nsec[count - 1]! / 1e6;
  }
});

let next = 0;
let due = 0;
let before = performance.now();
setInterval(() => {
  const now = performance.now();
  // What could not be sent in time is not made up for: it would be a burst.
  due = Math.min(BATCH, due + ((now - before) / 1000) * order.rate * order.callers);
  before = now;
  outbox.reset();
  let count = 0;
  for (; due >= 1; due--) {
    const row = outbox.take();
    const ping = pings[next++ % pings.length]!;
    outbox.bytes.set(ping, outbox.start[row]!);
    outbox.length[row] = ping.length;
    encapsulate(outbox, row, LEFT, RIGHT);
    rows[count++] = row;
  }
  if (count > 0) leg.send(outbox.bytes, rows, count);
}, PERIOD);

parentPort!.on('message', () => parentPort!.postMessage({ packets, last } satisfies Heard));
