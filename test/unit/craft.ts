import fc from 'fast-check';
import type { Columns } from './rig.js';

/** What a test wants of a packet; the rest is as ordinary as can be. Addresses are numbers. */
export interface Wanted {
  proto?: number;
  src?: number;
  dst?: number;
  sport?: number;
  dport?: number;
  tcpFlags?: number;
  sequence?: number;
  acknowledgment?: number;
  window?: number;
  /** A multiple of 4 bytes. */
  tcpOptions?: Uint8Array;
  icmp?: readonly [type: number, code: number];
  ttl?: number;
  tos?: number;
  id?: number;
  /** The 16 bits of flags and offset. */
  fragment?: number;
  options?: Uint8Array;
  payload?: Uint8Array;
}

function sum(bytes: Uint8Array, from = 0): number {
  let total = from;
  for (let i = 0; i < bytes.length; i++) total += bytes[i]! << (i % 2 === 0 ? 8 : 0);
  while (total > 0xffff) total = (total & 0xffff) + (total >>> 16);
  return total;
}

function transport(wanted: Wanted): Buffer {
  const { proto = 17, sport = 1024, dport = 80, payload = Buffer.alloc(0) } = wanted;
  if (proto === 6) {
    const head = Buffer.alloc(20);
    head.writeUInt16BE(sport, 0);
    head.writeUInt16BE(dport, 2);
    head.writeUInt32BE(wanted.sequence ?? 1000, 4);
    head.writeUInt32BE(wanted.acknowledgment ?? 0, 8);
    const options = wanted.tcpOptions ?? Buffer.alloc(0);
    head[12] = ((20 + options.length) / 4) << 4;
    head[13] = wanted.tcpFlags ?? 2;
    head.writeUInt16BE(wanted.window ?? 8192, 14);
    return Buffer.concat([head, options, payload]);
  }
  if (proto === 17) {
    const head = Buffer.alloc(8);
    head.writeUInt16BE(sport, 0);
    head.writeUInt16BE(dport, 2);
    head.writeUInt16BE(8 + payload.length, 4);
    return Buffer.concat([head, payload]);
  }
  if (proto === 1) {
    const [type, code] = wanted.icmp ?? [8, 0];
    return Buffer.concat([Buffer.from([type, code, 0, 0, 0, 7, 0, 1]), payload]);
  }
  return Buffer.from(payload);
}

/** Makes an IPv4 packet with right lengths and checksums. */
export function craft(wanted: Wanted = {}): Buffer {
  const { proto = 17, src = 0xc6336401, dst = 0xc0000201, options = Buffer.alloc(0), fragment = 0 } = wanted;
  const header = 20 + options.length;
  const body = (fragment & 0x1fff) === 0 ? transport(wanted) : Buffer.from(wanted.payload ?? []);
  const packet = Buffer.concat([Buffer.alloc(20), options, body]);
  packet[0] = 0x40 | (header / 4);
  packet[1] = wanted.tos ?? 0;
  packet.writeUInt16BE(packet.length, 2);
  packet.writeUInt16BE(wanted.id ?? 1, 4);
  packet.writeUInt16BE(fragment, 6);
  packet[8] = wanted.ttl ?? 64;
  packet[9] = proto;
  packet.writeUInt32BE(src, 12);
  packet.writeUInt32BE(dst, 16);
  packet.writeUInt16BE(~sum(packet.subarray(0, header)) & 0xffff, 10);
  const at = { 1: 2, 6: 16, 17: 6 }[proto];
  if (at !== undefined && (fragment & 0x3fff) === 0) {
    const pseudo = proto === 1 ? 0 : sum(packet.subarray(12, 20), proto + body.length);
    packet.writeUInt16BE(~sum(packet.subarray(header), pseudo) & 0xffff || 0xffff, header + at);
  }
  return packet;
}

/** The columns that parsing a sound packet fills in. */
export function columnsOf(packet: Uint8Array): Columns {
  const view = new DataView(packet.buffer, packet.byteOffset, packet.byteLength);
  const ipHeader = (packet[0]! & 15) * 4;
  const flags = view.getUint16(6);
  const later = (flags & 0x1fff) !== 0;
  const proto = packet[9]!;
  const all = { src: view.getUint32(12), dst: view.getUint32(16), proto, ipHeader };
  const fragment = later ? 2 : flags & 0x2000 ? 1 : 0;
  if (later) return { ...all, fragment, payload: ipHeader };
  if (proto === 6 || proto === 17) {
    const ports = { sport: view.getUint16(ipHeader), dport: view.getUint16(ipHeader + 2) };
    const header = proto === 17 ? 8 : (packet[ipHeader + 12]! >> 4) * 4;
    const tcpFlags = proto === 6 ? packet[ipHeader + 13]! : 0;
    return { ...all, fragment, ...ports, tcpFlags, payload: ipHeader + header };
  }
  if (proto === 1) {
    const [type, echo] = [view.getUint16(ipHeader), view.getUint16(ipHeader + 4)];
    return { ...all, fragment, sport: type, dport: [0, 8].includes(type >> 8) ? echo : 0, payload: ipHeader + 8 };
  }
  return { ...all, fragment, payload: ipHeader };
}

const few = (...values: number[]) => fc.constantFrom(...values);

/** Packets from a small world, so that patterns, flows and scans meet the same values again. */
export const wantedPacket: fc.Arbitrary<Wanted> = fc
  .record({
    proto: fc.oneof({ weight: 4, arbitrary: few(6, 6, 17, 17, 1) }, { weight: 1, arbitrary: few(2, 4, 47, 255) }),
    src: few(0xc6336401, 0xc6336402, 0x0a000001, 0x0a630002, 0xffffffff),
    dst: few(0x0a630001, 0x0a630002, 0x0a000001, 0xc0000201, 0xe0000001),
    sport: few(0, 22, 80, 443, 1023, 1024, 40000, 65535),
    dport: few(0, 22, 53, 80, 443, 1024, 8080, 65535),
    tcpFlags: few(2, 18, 16, 17, 4, 20, 24, 0, 63),
    window: few(0, 1024, 8192, 65535),
    icmp: fc.constantFrom<readonly [number, number]>([8, 0], [0, 0], [3, 3], [11, 0], [5, 1]),
    ttl: few(1, 64, 128, 255),
    tos: few(0, 1, 2, 3, 0x10, 0xb8),
    id: few(0, 1, 4660, 65535),
    fragment: fc.oneof({ weight: 6, arbitrary: few(0, 0x4000) }, { weight: 1, arbitrary: few(0x2000, 0x2001, 1, 185) }),
    options: fc.constantFrom(Buffer.alloc(0), Buffer.alloc(0), Buffer.from([1, 1, 1, 1]), Buffer.alloc(40, 1)),
    payload: fc.uint8Array({ maxLength: 24 }),
  })
  // The middle fragments must be multiples of 8 bytes long.
  .map((wanted) => {
    if (!(wanted.fragment & 0x2000)) return wanted;
    return { ...wanted, options: Buffer.alloc(0), payload: new Uint8Array(wanted.proto === 6 ? 20 : 16) };
  });
