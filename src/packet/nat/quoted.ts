import type { Packets } from '../packets.js';
import { PROTOCOL } from '../protocol.js';

/** What an ICMP error quotes: where its IPv4 header lies, and whose packet it was. */
export interface Quoted {
  readonly at: number;
  readonly transport: number;
  readonly proto: number;
  readonly src: number;
  readonly dst: number;
  /** Ports; of an ICMP echo its identifier and 0. */
  readonly sport: number;
  readonly dport: number;
}

/** Reads the packet that the ICMP error of a row quotes. Undefined if it is cut short, or of another protocol. */
export function readQuoted(packets: Packets, row: number): Quoted | undefined {
  const { view } = packets;
  const at = packets.start[row]! + packets.payload[row]!;
  const end = packets.start[row]! + packets.length[row]!;
  if (at + 20 > end) return undefined;
  const transport = at + (view.getUint8(at) & 15) * 4;
  const proto = view.getUint8(at + 9);
  const later = (view.getUint16(at + 6) & 0x1fff) !== 0;
  if (view.getUint8(at) >> 4 !== 4 || transport < at + 20 || transport + 8 > end || later) return undefined;
  const ends = { at, transport, proto, src: view.getUint32(at + 12), dst: view.getUint32(at + 16) };
  if (proto === PROTOCOL.icmp) {
    const type = view.getUint8(transport);
    return type === 8 || type === 0 ? { ...ends, sport: view.getUint16(transport + 4), dport: 0 } : undefined;
  }
  if (proto !== PROTOCOL.tcp && proto !== PROTOCOL.udp) return undefined;
  return { ...ends, sport: view.getUint16(transport), dport: view.getUint16(transport + 2) };
}

/**
 * Gives one end of the quoted packet another address and port, and updates the checksums in it by the difference (RFC 1624).
 * That of the error itself is not right after it.
 */
export function moveQuoted(
  packets: Packets,
  row: number,
  quoted: Quoted,
  end: 'src' | 'dst',
  address: number,
  port: number,
): void {
  const { view } = packets;
  const { at, transport, proto } = quoted;
  const addressAt = at + (end === 'src' ? 12 : 16);
  const portAt = transport + (proto === PROTOCOL.icmp ? 4 : end === 'src' ? 0 : 2);
  const checksumAt = transport + (proto === PROTOCOL.tcp ? 16 : proto === PROTOCOL.udp ? 6 : 2);
  const before = [view.getUint16(addressAt), view.getUint16(addressAt + 2)];
  const after = [address >>> 16, address & 0xffff];
  const portBefore = view.getUint16(portAt);
  view.setUint32(addressAt, address);
  view.setUint16(portAt, port);
  view.setUint16(at + 10, updated(view.getUint16(at + 10), before, after));
  if (checksumAt + 2 > packets.start[row]! + packets.length[row]!) return;
  const checksum = view.getUint16(checksumAt);
  // A UDP checksum of 0 is none.
  if (proto === PROTOCOL.udp && checksum === 0) return;
  const isEcho = proto === PROTOCOL.icmp;
  view.setUint16(
    checksumAt,
    updated(checksum, isEcho ? [portBefore] : [...before, portBefore], isEcho ? [port] : [...after, port]),
  );
}

/** RFC 1624, equation 3. */
function updated(checksum: number, before: readonly number[], after: readonly number[]): number {
  let sum = ~checksum & 0xffff;
  for (const word of before) sum += ~word & 0xffff;
  for (const word of after) sum += word;
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}
