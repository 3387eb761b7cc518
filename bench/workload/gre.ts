import { PythonRandom } from './random.js';

export interface Workload {
  packets: number;
  flows: number;
  seed?: number;
}

const SEED = 20_050_101;
const TCP_PORTS = [445, 135, 139, 22, 23, 80, 3389, 1433] as const;
const UDP_PORTS = [1434, 137, 161, 53, 123] as const;
const UDP_PAYLOAD = 18;
const ETHERNET = Buffer.from('0200000000020200000000010800', 'hex');
const [ROUTER, GATEWAY] = [0xc0000201, 0xc0000202];
const IP = 20;
const GRE = 4;
const RECORD = 16;
const [TCP, UDP, ICMP] = [6, 17, 1] as const;

/** Seconds of the first record, records a second. */
const BEGIN = 1_100_000_000;
const RATE = 1_000_000;

/** The Internet checksum (RFC 1071) of bytes, on top of the sum of others. */
function checksum(bytes: Buffer, from: number, to: number, sum = 0): number {
  for (let at = from; at + 1 < to; at += 2) sum += bytes.readUInt16BE(at);
  if ((to - from) % 2 === 1) sum += bytes[to - 1]! << 8;
  while (sum > 0xffff) sum = (sum & 0xffff) + Math.floor(sum / 0x10000);
  return ~sum & 0xffff;
}

/** Writes an IPv4 header without options. */
function writeIp(
  bytes: Buffer,
  ip: { length: number; id: number; ttl: number; proto: number; src: number; dst: number },
) {
  bytes.writeUInt16BE(0x4500, 0);
  bytes.writeUInt16BE(ip.length, 2);
  bytes.writeUInt16BE(ip.id, 4);
  bytes.writeUInt16BE(0x4000, 6);
  bytes[8] = ip.ttl;
  bytes[9] = ip.proto;
  bytes.writeUInt32BE(ip.src, 12);
  bytes.writeUInt32BE(ip.dst, 16);
  bytes.writeUInt16BE(checksum(bytes, 0, IP), 10);
}

/** A source address that could be anybody's on the Internet. */
function drawSource(rng: PythonRandom): number {
  for (;;) {
    const src = rng.getrandbits(32);
    const net = src >>> 24;
    if (net >= 1 && net < 0xe0 && net !== 10 && net !== 127) return src;
  }
}

function writeTcp(bytes: Buffer, sport: number, rng: PythonRandom): void {
  bytes.writeUInt16BE(sport, 0);
  bytes.writeUInt16BE(rng.choice(TCP_PORTS), 2);
  bytes.writeUInt32BE(rng.getrandbits(32), 4);
  bytes[12] = 0x50;
  bytes[13] = 2;
  bytes.writeUInt16BE(0xffff, 14);
}

function writeUdp(bytes: Buffer, sport: number, rng: PythonRandom): void {
  bytes.writeUInt16BE(sport, 0);
  // The payload is drawn before the port.
  for (let i = 0; i < UDP_PAYLOAD; i++) bytes[8 + i] = rng.getrandbits(8);
  bytes.writeUInt16BE(rng.choice(UDP_PORTS), 2);
  bytes.writeUInt16BE(bytes.length, 4);
}

function writeEcho(bytes: Buffer, id: number, k: number): void {
  bytes[0] = 8;
  bytes.writeUInt16BE(id, 4);
  bytes.writeUInt16BE(k & 0xffff, 6);
}

/** The packet that flow k sends: 80 % TCP SYN, 15 % UDP, 5 % ICMP echo, all checksums right. */
function inner(k: number, rng: PythonRandom): Buffer {
  const src = drawSource(rng);
  const dst = 0x0a010000 | rng.getrandbits(16);
  const kind = rng.random();
  const sport = rng.randrange(1024, 65_536);
  const id = rng.getrandbits(16);
  const proto = kind < 0.8 ? TCP : kind < 0.95 ? UDP : ICMP;
  const packet = Buffer.alloc(IP + { [TCP]: 20, [UDP]: 8 + UDP_PAYLOAD, [ICMP]: 8 }[proto]);
  const body = packet.subarray(IP);
  if (proto === TCP) writeTcp(body, sport, rng);
  else if (proto === UDP) writeUdp(body, sport, rng);
  else writeEcho(body, sport, k);
  writeIp(packet, { length: packet.length, id, ttl: 52, proto, src, dst });
  // Protocol and length are the pseudo-header; the addresses are summed with the body.
  if (proto === ICMP) body.writeUInt16BE(checksum(packet, IP, packet.length), 2);
  else {
    const sum = checksum(packet, 12, packet.length, proto + body.length);
    body.writeUInt16BE(sum || (proto === UDP ? 0xffff : 0), proto === TCP ? 16 : 6);
  }
  return packet;
}

/** A record of the capture, its time still to be written: Ethernet, IPv4, GRE, and a packet for the telescope. */
function record(packet: Buffer): Buffer {
  const ip = Buffer.alloc(IP + GRE);
  writeIp(ip, { length: ip.length + packet.length, id: 0, ttl: 60, proto: 47, src: ROUTER, dst: GATEWAY });
  ip.writeUInt16BE(0x0800, IP + 2);
  const head = Buffer.alloc(RECORD);
  const length = ETHERNET.length + ip.length + packet.length;
  head.writeUInt32LE(length, 8);
  head.writeUInt32LE(length, 12);
  return Buffer.concat([head, ETHERNET, ip, packet]);
}

/**
 * A capture (pcap, Ethernet, microseconds) of GRE from a telescope's router: inside are packets from anywhere to
 * 10.1.0.0/16, of so many flows. With as many packets as flows each flow sends one; with more packets they take turns
 * at random. The same numbers give the same bytes.
 */
export function* greCapture({ packets, flows, seed = SEED }: Workload): Generator<Buffer> {
  const rng = new PythonRandom(seed);
  const records = Array.from({ length: flows }, (_, k) => record(inner(k, rng)));
  const header = Buffer.alloc(24);
  header.writeUInt32LE(0xa1b2c3d4, 0);
  header.writeUInt16LE(2, 4);
  header.writeUInt16LE(4, 6);
  header.writeUInt32LE(65_535, 16);
  header.writeUInt32LE(1, 20);
  yield header;
  for (let i = 0; i < packets; i++) {
    const next = Buffer.from(records[flows >= packets ? i : rng.randrange(0, flows)]!);
    next.writeUInt32LE(BEGIN + Math.floor(i / RATE), 0);
    next.writeUInt32LE(i % RATE, 4);
    yield next;
  }
}
