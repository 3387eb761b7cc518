/** A thread that sends packets from another network namespace, since its own it cannot leave again. */
import { once } from 'node:events';
import { isMainThread, Worker, workerData } from 'node:worker_threads';
import { native } from '../../src/native/addon.js';
import { Packets } from '../../src/packet/packets.js';
import { add } from './packets.js';

interface Order {
  readonly namespace: string;
  readonly interface: string;
  readonly packets: readonly Uint8Array[];
}

/** Sends packets in their order to whoever is at the other end of the left leg of a Pair. */
export async function sendFrom(namespace: string, name: string, packets: readonly Uint8Array[]): Promise<void> {
  const order: Order = { namespace, interface: name, packets };
  await once(new Worker(new URL(import.meta.url), { workerData: order }), 'exit');
}

if (!isMainThread) {
  const order = workerData as Order;
  native.enterNamespace(order.namespace);
  const link = native.openLink(order.interface, Uint8Array.of(2, 0, 0, 0, 0, 2));
  const table = new Packets();
  for (const bytes of order.packets) {
    table.reset();
    link.send(table.bytes, Uint16Array.of(add(table, bytes)), 1);
  }
  link.close();
}
