/**
 * GRE (RFC 2784, RFC 2890) for the lab's router, a packet at a time. It shares nothing with the gateway's, so that the
 * two check each other.
 */
import type { Packets } from '../../packet/packets.js';

const IP_HEADER = 20;
const OUTER = IP_HEADER + 4;
const GRE = 47;
const IPV4 = 0x0800;
const TTL = 64;

/** Flags of RFC 2784 and RFC 2890, each of which adds four bytes to the header. All other bits and versions must be 0. */
const CHECKSUM = 0x8000;
const KEY = 0x2000;
const SEQUENCE = 0x1000;

/** Prepends GRE and IPv4 headers without length and checksum: the kernel sets these two. */
export function encapsulate(packets: Packets, row: number, src: number, dst: number): void {
  const { view } = packets;
  const at = packets.start[row]! - OUTER;
  view.setUint32(at, 0x45000000);
  view.setUint32(at + 4, 0);
  view.setUint32(at + 8, (TTL << 24) | (GRE << 16));
  view.setUint32(at + 12, src);
  view.setUint32(at + 16, dst);
  view.setUint32(at + 20, IPV4);
  packets.start[row] = at;
  packets.length[row] = packets.length[row]! + OUTER;
}

/** Leaves the inner packet. False if this is not IPv4 in GRE with a whole inner header. */
export function decapsulate(packets: Packets, row: number): boolean {
  const { view } = packets;
  const at = packets.start[row]!;
  const length = packets.length[row]!;
  if (length < OUTER || view.getUint8(at + 9) !== GRE) return false;
  const gre = (view.getUint8(at) & 15) * 4;
  if (gre < IP_HEADER || length < gre + 4) return false;
  const flags = view.getUint16(at + gre);
  if ((flags & ~(CHECKSUM | KEY | SEQUENCE)) !== 0 || view.getUint16(at + gre + 2) !== IPV4) return false;
  let header = gre + 4;
  for (const flag of [CHECKSUM, KEY, SEQUENCE]) if (flags & flag) header += 4;
  if (length < header + IP_HEADER || view.getUint8(at + header) >> 4 !== 4) return false;
  packets.start[row] = at + header;
  packets.length[row] = length - header;
  return true;
}
