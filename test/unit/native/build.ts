/** Packets built by hand, with a checksum that shares no code with the one under test. */
import { Batch } from '../../../src/packet/batch.js';
import { FAULT_NAMES, type FaultName } from '../../../src/packet/faults.js';
import { Packets } from '../../../src/packet/packets.js';

/** The one's-complement checksum of RFC 1071, word by word. */
export function checksum(bytes: Uint8Array): number {
  let sum = 0;
  for (let i = 0; i < bytes.length; i += 2) {
    sum += (bytes[i]! << 8) | (bytes[i + 1] ?? 0);
    if (sum > 0xffff) sum -= 0xffff;
  }
  return ~sum & 0xffff;
}

const bytesOf = (...parts: (Uint8Array | readonly number[])[]): Buffer =>
  Buffer.concat(parts.map((p) => Buffer.from(p)));
export const u16 = (value: number): number[] => [(value >>> 8) & 255, value & 255];
export const u32 = (value: number): number[] => [...u16(value >>> 16), ...u16(value & 0xffff)];

export interface Ipv4 {
  proto: number;
  src?: number;
  dst?: number;
  options?: readonly number[];
  body?: Uint8Array;
  /** The word of flags and fragment offset. */
  fragment?: number;
  total?: number;
}

export const SRC = 0xc6336401; // 198.51.100.1
export const DST = 0x0a630102; // 10.99.1.2

export function ipv4({ proto, src = SRC, dst = DST, options = [], body = Buffer.alloc(0), fragment = 0, total }: Ipv4) {
  const header = 20 + options.length;
  const packet = bytesOf(
    [0x40 | (header / 4), 0, ...u16(total ?? header + body.length), 0x12, 0x34, ...u16(fragment), 64, proto, 0, 0],
    u32(src),
    u32(dst),
    options,
    body,
  );
  packet.writeUInt16BE(checksum(packet.subarray(0, header)), 10);
  return packet;
}

const pseudo = (src: number, dst: number, proto: number, length: number) => [
  ...u32(src),
  ...u32(dst),
  0,
  proto,
  ...u16(length),
];

export interface Ports {
  src?: number;
  dst?: number;
  sport?: number;
  dport?: number;
  data?: Uint8Array;
}

export function udpBody({ src = SRC, dst = DST, sport = 5353, dport = 1434, data = Buffer.from('hello') }: Ports = {}) {
  const body = bytesOf(u16(sport), u16(dport), u16(8 + data.length), [0, 0], data);
  body.writeUInt16BE(checksum(bytesOf(pseudo(src, dst, 17, body.length), body)) || 0xffff, 6);
  return body;
}

export function tcpBody({
  src = SRC,
  dst = DST,
  sport = 40000,
  dport = 445,
  data = Buffer.alloc(0),
  flags = 2,
  options = [],
}: Ports & { flags?: number; options?: readonly number[] } = {}) {
  const head = [...u16(sport), ...u16(dport), ...u32(1), ...u32(0), (5 + options.length / 4) << 4, flags, 0xff, 0xff];
  const body = bytesOf(head, [0, 0, 0, 0], options, data);
  body.writeUInt16BE(checksum(bytesOf(pseudo(src, dst, 6, body.length), body)), 16);
  return body;
}

export function icmpBody({
  type = 8,
  code = 0,
  identifier = 77,
  data = Buffer.from('ping'),
}: {
  type?: number;
  code?: number;
  identifier?: number;
  data?: Uint8Array;
} = {}) {
  const body = bytesOf([type, code, 0, 0], u16(identifier), [0, 1], data);
  body.writeUInt16BE(checksum(body), 2);
  return body;
}

export const udp = (ports: Ports = {}): Buffer => ipv4({ proto: 17, ...ports, body: udpBody(ports) });
export const tcp = (ports: Parameters<typeof tcpBody>[0] = {}): Buffer =>
  ipv4({ proto: 6, ...ports, options: [], body: tcpBody(ports) });
export const icmp = (message: Parameters<typeof icmpBody>[0] = {}): Buffer =>
  ipv4({ proto: 1, body: icmpBody(message) });

export const LOCAL = 0xc0000202; // 192.0.2.2
export const REMOTE = 0xc0000201; // 192.0.2.1

/** A tunnel packet from REMOTE to LOCAL: GRE flags, protocol and options are as given. */
export function gre(
  inner: Uint8Array,
  { flags = 0, protocol = 0x0800, options = [] as readonly number[] } = {},
): Buffer {
  return ipv4({ proto: 47, src: REMOTE, dst: LOCAL, body: bytesOf(u16(flags), u16(protocol), options, inner) });
}

/** A table with these packets in it, and the list of their rows. */
export function tableOf(...list: Uint8Array[]): { packets: Packets; batch: Batch } {
  const packets = new Packets();
  const batch = new Batch();
  for (const bytes of list) {
    const row = packets.take();
    packets.bytes.set(bytes, packets.start[row]!);
    packets.length[row] = bytes.length;
    batch.add(row);
  }
  return { packets, batch };
}

export const faultOf = (packets: Packets, row = 0): FaultName => FAULT_NAMES[packets.fault[row]!]!;
