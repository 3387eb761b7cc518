import { MAX_PACKET, SLOT } from '../columns.js';
import type { Packets } from '../packets.js';
import { ICMP_ERRORS, PROTOCOL } from '../protocol.js';
import type { Substitution } from './substitution.js';

const ECHO = [0, 8];
const ICMP_HEADER = 8;
/** Bytes behind its IPv4 header that a quoted packet always has (RFC 792). */
const QUOTED = 8;

const work = new Uint8Array(MAX_PACKET);

/** Why a datagram may not be passed on. */
export type DatagramRefusal = 'fragment' | 'too-big' | 'protocol';

/**
 * Replaces strings in a datagram that is whole: UDP or ICMP echo. An ICMP error keeps the headers that it quotes, and nothing
 * behind them, since its sender may have put anything there. Checksums are not right after it.
 * @param most bytes that the packet may have
 * @returns how many matches were replaced, or why it may not be passed on
 */
export function rewriteDatagram(
  packets: Packets,
  row: number,
  substitution: Substitution,
  most: number,
): number | DatagramRefusal {
  if (packets.fragment[row] !== 0) return 'fragment';
  const proto = packets.proto[row];
  const type = packets.sport[row]! >> 8;
  if (proto === PROTOCOL.icmp && ICMP_ERRORS.includes(type)) return cutQuotation(packets, row) ? 0 : 'protocol';
  if (proto !== PROTOCOL.udp && !(proto === PROTOCOL.icmp && ECHO.includes(type))) return 'protocol';
  const at = packets.start[row]! + packets.payload[row]!;
  const end = packets.start[row]! + packets.length[row]!;
  let [from, length, replaced] = [at, 0, 0];
  const room = Math.min(most, packets.slot(row) + SLOT - packets.start[row]!) - packets.payload[row]!;
  while (from < end) {
    const pair = substitution.at(packets.bytes, from, end, true);
    const put = pair < 0 ? undefined : substitution.pairs[pair]!;
    if (length + (put ? put.to.length : 1) > room) return 'too-big';
    if (put) {
      replaced++;
      work.set(put.to, length);
      length += put.to.length;
      from += put.from.length;
    } else work[length++] = packets.bytes[from++]!;
  }
  packets.bytes.set(work.subarray(0, length), at);
  setLength(packets, row, packets.payload[row]! + length);
  return replaced;
}

/** Cuts what an ICMP error quotes to its headers. @returns false if it is not a header without options */
export function cutQuotation(packets: Packets, row: number): boolean {
  const quoted = packets.start[row]! + packets.ipHeader[row]! + ICMP_HEADER;
  const length = quoted - packets.start[row]! + 20 + QUOTED;
  if (packets.length[row]! < length || packets.bytes[quoted] !== 0x45) return false;
  setLength(packets, row, length);
  return true;
}

function setLength(packets: Packets, row: number, length: number): void {
  const start = packets.start[row]!;
  packets.length[row] = length;
  packets.view.setUint16(start + 2, length);
  if (packets.proto[row] === PROTOCOL.udp)
    packets.view.setUint16(start + packets.ipHeader[row]! + 4, length - packets.ipHeader[row]!);
}
