import { native } from '../../src/native/addon.js';
import type { Packets } from '../../src/packet/packets.js';
import { PROTOCOL } from '../../src/packet/protocol.js';
import { craft } from '../../test/unit/craft.js';

/** Who calls, and the port that is called: one where every image of ours has a web server. */
export const CALLER = 0xc6336407;
export const PORT = 80;

/** Dark addresses are numbered from 0: 200 of each /24 from 10.99.1.0 on, none of them special. */
export const darkAddress = (n: number) => 0x0a63010a + Math.floor(n / 200) * 256 + (n % 200);
export const DARK = 200 * 250;

const SYN = 2;
const RST = 4;
const ACK = 16;

/** A port of ours for the nth call, so that a late answer to one is not taken for one to another. */
const portOf = (call: number) => 20_000 + (call % 40_000);

const rows = new Uint16Array(1);

function write(packets: Packets, packet: Uint8Array): number {
  const row = packets.take();
  if (row < 0) throw new Error('there is no free row');
  packets.bytes.set(packet, packets.start[row]!);
  packets.length[row] = packet.length;
  return row;
}

/** Takes a row with an IPv4 packet that begins the nth call. */
export function knock(packets: Packets, call: number, dst: number): number {
  return write(
    packets,
    craft({ proto: PROTOCOL.tcp, src: CALLER, dst, sport: portOf(call), dport: PORT, tcpFlags: SYN }),
  );
}

/** Whether the IPv4 packet in a row accepts the nth call. Reads its headers into the columns. */
export function accepts(packets: Packets, row: number, call: number): boolean {
  rows[0] = row;
  return (
    native.ipCheck(packets.bytes, rows, 1, 0) >= 0 &&
    packets.proto[row] === PROTOCOL.tcp &&
    packets.dport[row] === portOf(call) &&
    packets.sport[row] === PORT &&
    packets.tcpFlags[row] === (SYN | ACK)
  );
}

/** Takes a row with the packet that ends a call, when it was accepted by the packet in another row. */
export function hangUp(packets: Packets, accepted: number): number {
  const reset = craft({
    ...{ proto: PROTOCOL.tcp, src: packets.dst[accepted]!, dst: packets.src[accepted]! },
    ...{ sport: packets.dport[accepted]!, dport: packets.sport[accepted]!, tcpFlags: RST },
    sequence: packets.view.getUint32(packets.start[accepted]! + packets.ipHeader[accepted]! + 8),
  });
  return write(packets, reset);
}
