/** A thread in the router's place: sends a first packet to one dark address after the other, through the tunnel. */
import { setTimeout } from 'node:timers/promises';
import { parentPort, workerData } from 'node:worker_threads';
import { decapsulate, encapsulate } from '../../src/control/lab/gre.js';
import { native } from '../../src/native/addon.js';
import { BATCH } from '../../src/packet/columns.js';
import { Packets } from '../../src/packet/packets.js';
import { PROTOCOL } from '../../src/packet/protocol.js';
import { LEFT, RIGHT } from '../../test/e2e/packets.js';
import { accepts, darkAddress, hangUp, knock } from './probe.js';

export interface CallerOrder {
  readonly namespace: string;
  readonly interface: string;
  /** The first dark address, and how many. */
  readonly first: number;
  readonly count: number;
  /** Milliseconds between an answer and the next call, and for an answer to come. */
  readonly pause: number;
  readonly patience: number;
}

/** One call: the milliseconds from the packet into the tunnel to the first one out of it, undefined if none came. */
export interface Called {
  readonly ms: number | undefined;
}

const BUFFER = 1 << 20;

const order = workerData as CallerOrder;
native.enterNamespace(order.namespace);
const leg = native.openRaw({
  ...{ protocol: PROTOCOL.gre, local: LEFT, interface: order.interface },
  receiveBuffer: BUFFER,
});
const outbox = new Packets();
const inbox = new Packets();
const rows = new Uint16Array(1);
let call = 0;
let answered = () => {};

function send(packets: Packets, row: number): void {
  encapsulate(packets, row, LEFT, RIGHT);
  rows[0] = row;
  if (leg.send(packets.bytes, rows, 1) !== 1) throw new Error('the tunnel took no packet');
}

leg.onReadable(() => {
  inbox.reset();
  const count = leg.receive(inbox.bytes, 0, BATCH);
  inbox.used = Math.max(0, count);
  for (let row = 0; row < count; row++) {
    if (!decapsulate(inbox, row) || !accepts(inbox, row, call) || inbox.src[row] !== darkAddress(call)) continue;
    answered();
    send(inbox, hangUp(inbox, row));
  }
});

for (call = order.first; call < order.first + order.count; call++) {
  outbox.reset();
  const row = knock(outbox, call, darkAddress(call));
  const start = performance.now();
  const end = new Promise<number>((resolve) => {
    answered = () => resolve(performance.now() - start);
  });
  send(outbox, row);
  const ms = await Promise.race([end, setTimeout(order.patience, undefined)]);
  parentPort?.postMessage({ ms } satisfies Called);
  await setTimeout(order.pause);
}
leg.close();
