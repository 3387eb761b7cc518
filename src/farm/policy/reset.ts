import { native } from '../../native/addon.js';
import { unplayable } from '../../packet/address.js';
import type { Packets } from '../../packet/packets.js';
import { PROTOCOL } from '../../packet/protocol.js';
import { ETHERNET } from '../wire.js';

const IP = 20;
const TCP = 20;
const ICMP = 8;

const FLAG = { fin: 1, syn: 2, rst: 4, ack: 16 } as const;

/** Destination unreachable: communication administratively prohibited (RFC 1812 5.2.7.1). */
const PROHIBITED = 3 * 256 + 13;

/** ICMP types that tell of errors, which nobody answers (RFC 1122 3.2.2). */
const ERRORS = [3, 4, 5, 11, 12];

/** An ICMP error is at most so long (RFC 1812 4.3.2.3). */
const LONGEST = 576;

/** What 64 is after the nine routers that a reflected packet seems to have passed as well. */
const TTL = 55;

const one = new Uint16Array(1);

/**
 * Turns a packet of a clone into the refusal that its destination would send: a TCP reset, or the ICMP error of a host or router
 * that prohibits it. The row's flow, universe and clone stay.
 * @returns false if nobody would answer such a packet
 */
export function refuse(packets: Packets, row: number): boolean {
  if (unplayable(packets.dst[row]!) || unplayable(packets.src[row]!) || packets.fragment[row]! > 1) return false;
  const made = packets.proto[row] === PROTOCOL.tcp ? reset(packets, row) : prohibit(packets, row);
  if (!made) return false;
  one[0] = row;
  return native.ipFinish(packets.bytes, one, 1) === 0;
}

/** RFC 9293 3.10.7.1: what is not there answers so that the sender finds its own sequence numbers acknowledged. */
function reset(packets: Packets, row: number): boolean {
  const { view } = packets;
  const start = packets.start[row]!;
  const tcp = start + packets.ipHeader[row]!;
  const flags = packets.tcpFlags[row]!;
  if (flags & FLAG.rst || packets.fragment[row] !== 0 || tcp + TCP > start + packets.length[row]!) return false;
  const seq = view.getUint32(tcp + 4);
  const ack = view.getUint32(tcp + 8);
  const controls = (flags & FLAG.syn ? 1 : 0) + (flags & FLAG.fin ? 1 : 0);
  const next = seq + packets.length[row]! - packets.payload[row]! + controls;
  const [sport, dport] = [packets.dport[row]!, packets.sport[row]!];
  const answered = (flags & FLAG.ack) !== 0;

  header(packets, row, start, IP + TCP, PROTOCOL.tcp, 0x4000);
  const at = start + IP;
  view.setUint16(at, sport);
  view.setUint16(at + 2, dport);
  view.setUint32(at + 4, answered ? ack : 0);
  view.setUint32(at + 8, answered ? 0 : next >>> 0);
  packets.tcpFlags[row] = answered ? FLAG.rst : FLAG.rst | FLAG.ack;
  view.setUint16(at + 12, ((TCP / 4) << 12) | packets.tcpFlags[row]!);
  view.setUint32(at + 14, 0);
  view.setUint16(at + 18, 0);
  packets.sport[row] = sport;
  packets.dport[row] = dport;
  packets.payload[row] = IP + TCP;
  return true;
}

function prohibit(packets: Packets, row: number): boolean {
  if (packets.proto[row] === PROTOCOL.icmp && ERRORS.includes(packets.sport[row]! >> 8)) return false;
  // The headers go before the packet that they tell about, and a clone's wire needs room for its own.
  const start = packets.start[row]! - IP - ICMP;
  if (start - ETHERNET < packets.slot(row)) return false;
  const length = Math.min(LONGEST, IP + ICMP + packets.length[row]!);
  header(packets, row, start, length, PROTOCOL.icmp, 0);
  packets.view.setUint8(start + 1, 0xc0);
  packets.view.setUint16(start + IP, PROHIBITED);
  packets.view.setUint16(start + IP + 2, 0);
  packets.view.setUint32(start + IP + 4, 0);
  packets.sport[row] = PROHIBITED;
  packets.dport[row] = 0;
  packets.tcpFlags[row] = 0;
  packets.payload[row] = IP + ICMP;
  return true;
}

/** An IPv4 header from the destination to the source of the packet that was in the row. */
function header(packets: Packets, row: number, start: number, length: number, proto: number, flags: number): void {
  const { view } = packets;
  const [src, dst] = [packets.dst[row]!, packets.src[row]!];
  view.setUint16(start, 0x4500);
  view.setUint16(start + 2, length);
  view.setUint32(start + 4, flags);
  view.setUint16(start + 8, (TTL << 8) | proto);
  view.setUint16(start + 10, 0);
  view.setUint32(start + 12, src);
  view.setUint32(start + 16, dst);
  packets.start[row] = start;
  packets.length[row] = length;
  packets.src[row] = src;
  packets.dst[row] = dst;
  packets.proto[row] = proto;
  packets.ipHeader[row] = IP;
  packets.fragment[row] = 0;
}
