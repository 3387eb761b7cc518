/** Packets for tests of live traffic, and what arrived of them. */

import { BATCH } from '../../src/packet/columns.js';
import type { Packets as Table } from '../../src/packet/packets.js';
import { Packets } from '../../src/packet/packets.js';

/** The addresses of the two ends of a Pair. */
export const LEFT = 0xc0000201;
export const RIGHT = 0xc0000202;

/** The Internet checksum (RFC 1071) of some bytes: 0 where a valid checksum is among them. */
export function sum(bytes: Uint8Array, start = 0): number {
  let total = start;
  for (let i = 0; i < bytes.length; i++) total += i % 2 === 0 ? bytes[i]! << 8 : bytes[i]!;
  while (total > 0xffff) total = (total >>> 16) + (total & 0xffff);
  return ~total & 0xffff;
}

export const checksum = {
  /** Whether the UDP checksum of an IPv4 packet without options is right. */
  udp(packet: Uint8Array): boolean {
    const pseudo = Uint8Array.of(...packet.subarray(12, 20), 0, 17, ...packet.subarray(24, 26));
    return packet[26]! * 256 + packet[27]! !== 0 && sum(Uint8Array.of(...pseudo, ...packet.subarray(20))) === 0;
  },
};

/** An IPv4 packet of `size` bytes with a valid header and a payload that depends on its id. */
export function packet({ size = 60, protocol = 253, id = 1, src = LEFT, dst = RIGHT } = {}): Uint8Array {
  const bytes = new Uint8Array(size);
  const view = new DataView(bytes.buffer);
  for (let i = 20; i < size; i++) bytes[i] = i * 31 + id;
  view.setUint8(0, 0x45);
  view.setUint16(2, size);
  view.setUint16(4, id);
  view.setUint8(8, 64);
  view.setUint8(9, protocol);
  view.setUint32(12, src);
  view.setUint32(16, dst);
  view.setUint16(10, sum(bytes.subarray(0, 20)));
  return bytes;
}

/** Takes a row that holds these bytes; `shift` moves its start. */
export function add(table: Table, bytes: Uint8Array, shift = 0): number {
  const row = table.take();
  table.start[row] = table.start[row]! + shift;
  table.bytes.set(bytes, table.start[row]!);
  table.length[row] = bytes.length;
  return row;
}

export interface Received {
  bytes: Uint8Array;
  sec: number;
  nsec: number;
  fault: number;
}

/** Receives until there are `count` packets and no more wait; throws after a while without any. */
export async function collect(
  device: { receive(packets: Uint8Array, first: number, max: number): number },
  count: number,
): Promise<Received[]> {
  const table = new Packets();
  const received: Received[] = [];
  for (let idle = 0; idle < 500; ) {
    const rows = device.receive(table.bytes, 0, BATCH);
    if (rows < 0) throw new Error(`receive failed: ${rows}`);
    for (let row = 0; row < rows; row++) {
      const bytes = table.packet(row).slice();
      received.push({ bytes, sec: table.sec[row]!, nsec: table.nsec[row]!, fault: table.fault[row]! });
    }
    if (rows === 0 && received.length >= count) return received;
    if (rows === 0) {
      idle++;
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }
  throw new Error(`${received.length} packets arrived, not ${count}`);
}
