import type { Test } from 'tap';
import type { Identity } from '../../../../src/farm/backend.js';
import { SimulatedBackend, type SimulatedOptions } from '../../../../src/farm/simulated/backend.js';
import { Packets } from '../../../../src/packet/packets.js';
import { Clock } from '../../../../src/pipeline/clock.js';

export const GATEWAY = Buffer.from('020000000001', 'hex');
export const MAC = Buffer.from('025000000007', 'hex');
export const HERE = 0x0a630001; // 10.99.0.1
export const THERE = 0xc6336401; // 198.51.100.1

export const F = 1;
export const S = 2;
export const R = 4;
export const P = 8;
export const A = 16;

/** The Internet checksum as RFC 1071 words it, apart from the one under test. */
export function sum(...parts: Uint8Array[]): number {
  const bytes = Buffer.concat(parts.map((part) => Buffer.concat([part, Buffer.alloc(part.length % 2)])));
  let total = 0;
  for (let i = 0; i < bytes.length; i += 2) total += bytes.readUInt16BE(i);
  while (total >> 16) total = (total & 0xffff) + (total >> 16);
  return ~total & 0xffff;
}

function pseudo(src: number, dst: number, protocol: number, length: number): Buffer {
  const bytes = Buffer.alloc(12);
  bytes.writeUInt32BE(src, 0);
  bytes.writeUInt32BE(dst, 4);
  bytes.writeUInt16BE(protocol, 8);
  bytes.writeUInt16BE(length, 10);
  return bytes;
}

export interface Ends {
  src?: number;
  dst?: number;
  mac?: Buffer;
}

/** An Ethernet frame with an IPv4 packet in it. */
export function ip(
  protocol: number,
  payload: Buffer,
  { src = THERE, dst = HERE, mac = MAC }: Ends,
  fragment = 0,
): Buffer {
  const header = Buffer.alloc(20);
  header.writeUInt16BE(0x4500, 0);
  header.writeUInt16BE(20 + payload.length, 2);
  header.writeUInt16BE(fragment, 6);
  header[8] = 60;
  header[9] = protocol;
  header.writeUInt32BE(src, 12);
  header.writeUInt32BE(dst, 16);
  header.writeUInt16BE(sum(header), 10);
  return Buffer.concat([mac, GATEWAY, Buffer.from([8, 0]), header, payload]);
}

export interface TcpFields extends Ends {
  sport?: number;
  dport: number;
  seq?: number;
  ack?: number;
  flags: number;
  window?: number;
  options?: Buffer;
  data?: string | Buffer;
}

export function tcp(fields: TcpFields): Buffer {
  const { src = THERE, dst = HERE, sport = 40000, dport, seq = 0, ack = 0, flags, window = 65535 } = fields;
  const { options = Buffer.alloc(0) } = fields;
  const header = Buffer.alloc(20);
  header.writeUInt16BE(sport, 0);
  header.writeUInt16BE(dport, 2);
  header.writeUInt32BE(seq >>> 0, 4);
  header.writeUInt32BE(ack >>> 0, 8);
  header.writeUInt16BE(((20 + options.length) << 10) | flags, 12);
  header.writeUInt16BE(window, 14);
  const segment = Buffer.concat([header, options, Buffer.from(fields.data ?? '')]);
  segment.writeUInt16BE(sum(pseudo(src, dst, 6, segment.length), segment), 16);
  return ip(6, segment, fields);
}

export function udp(sport: number, dport: number, data: string, ends: Ends = {}): Buffer {
  const header = Buffer.alloc(8);
  header.writeUInt16BE(sport, 0);
  header.writeUInt16BE(dport, 2);
  header.writeUInt16BE(8 + data.length, 4);
  const all = Buffer.concat([header, Buffer.from(data)]);
  all.writeUInt16BE(sum(pseudo(ends.src ?? THERE, ends.dst ?? HERE, 17, all.length), all), 6);
  return ip(17, all, ends);
}

export function ping(text: string, ends: Ends = {}): Buffer {
  const message = Buffer.concat([Buffer.from('0800000012340001', 'hex'), Buffer.from(text)]);
  message.writeUInt16BE(sum(message), 2);
  return ip(1, message, ends);
}

export function arp(operation: number, from: Buffer, address: number, target: number, to = MAC): Buffer {
  const body = Buffer.alloc(28);
  body.write('000108000604', 'hex');
  body.writeUInt16BE(operation, 6);
  from.copy(body, 8);
  body.writeUInt32BE(address, 14);
  to.copy(body, 18);
  body.writeUInt32BE(target, 24);
  return Buffer.concat([to, from, Buffer.from([8, 6]), body]);
}

/** A frame that a clone has sent, taken apart; its checksums are right. */
export interface Sent {
  readonly clone: number;
  readonly frame: Buffer;
  readonly type: number;
  readonly src: number;
  readonly dst: number;
  readonly protocol: number;
  readonly ttl: number;
  readonly id: number;
  /** What follows the IPv4 header. */
  readonly payload: Buffer;
  readonly sport: number;
  readonly dport: number;
  readonly seq: number;
  readonly ack: number;
  readonly flags: number;
  readonly window: number;
  readonly options: Buffer;
  readonly data: string;
}

function takeApart(clone: number, frame: Buffer): Sent {
  const type = frame.readUInt16BE(12);
  const none = { protocol: 0, ttl: 0, id: 0, sport: 0, dport: 0, seq: 0, ack: 0, flags: 0, window: 0, data: '' };
  const empty = { ...none, src: 0, dst: 0, payload: Buffer.alloc(0), options: Buffer.alloc(0) };
  if (type !== 0x0800) return { ...empty, clone, frame, type };
  const header = frame.subarray(14, 34);
  const payload = frame.subarray(34, 14 + header.readUInt16BE(2));
  if (14 + header.readUInt16BE(2) !== frame.length) throw new Error('the total length is not that of the frame');
  if (sum(header) !== 0) throw new Error('wrong IPv4 checksum');
  const [src, dst, protocol] = [header.readUInt32BE(12), header.readUInt32BE(16), header[9]!];
  const outer = protocol === 1 ? Buffer.alloc(0) : pseudo(src, dst, protocol, payload.length);
  if (sum(outer, payload) !== 0) throw new Error('wrong transport checksum');
  const base = {
    ...empty,
    clone,
    frame,
    type,
    src,
    dst,
    protocol,
    payload,
    ttl: header[8]!,
    id: header.readUInt16BE(4),
  };
  if (protocol === 1) return base;
  const ports = { sport: payload.readUInt16BE(0), dport: payload.readUInt16BE(2) };
  if (protocol === 17) return { ...base, ...ports, data: payload.toString('latin1', 8) };
  const length = (payload[12]! >> 4) * 4;
  return {
    ...base,
    ...ports,
    seq: payload.readUInt32BE(4),
    ack: payload.readUInt32BE(8),
    flags: payload[13]!,
    window: payload.readUInt16BE(14),
    options: payload.subarray(20, length),
    data: payload.toString('latin1', length),
  };
}

export interface Bench {
  readonly backend: SimulatedBackend;
  readonly clock: Clock;
  readonly packets: Packets;
  /** What the listener was told. */
  readonly told: string[];
  /** Asks for a clone of an image and runs a turn. */
  make(id: number, identity?: Partial<Identity>, image?: string): void;
  /** Delivers a frame to a clone. */
  give(id: number, frame: Buffer): boolean;
  /** What clones have sent since. */
  take(): Sent[];
  /** Delivers a frame and returns what came back. */
  ask(id: number, frame: Buffer): Sent[];
  wait(seconds: number): void;
}

export const PLAIN = `
memory 2M
window 64240
options mss sack timestamp nop wscale 7
tcp 7 echo
tcp 9 silent
tcp 21 banner "220 %h ready\\r\\n"
tcp 80 http "Hello <%h>" server "Test/1"
tcp 7007 chain
tcp 6000-6063 filtered
udp 7 echo
udp 9 silent
udp 6000 filtered
`;

/** A backend with images of its own and a clock that stands still. */
export async function bench(
  t: Test,
  images: Record<string, string> = { plain: PLAIN },
  options: Partial<SimulatedOptions> = {},
): Promise<Bench> {
  const folder = t.testdir(Object.fromEntries(Object.entries(images).map(([name, text]) => [`${name}.image`, text])));
  const clock = new Clock({ virtual: true, now: 1_000_000_000 });
  const packets = new Packets();
  const told: string[] = [];
  const services = { clock, wake: () => {} };
  const backend = new SimulatedBackend({ services, folder, memoryBudget: 2 ** 28, maxClones: 1000, ...options });
  t.teardown(() => backend.stop());
  const names = Object.keys(images);
  await backend.start(
    {
      ready: (id) => told.push(`ready ${id}`),
      failed: (id, reason) => told.push(`failed ${id}: ${reason}`),
      gone: (id, reason) => told.push(`gone ${id}: ${reason}`),
    },
    names,
  );
  const give = (id: number, frame: Buffer) => {
    packets.reset();
    const row = packets.take();
    packets.bytes.set(frame, packets.start[row]!);
    packets.length[row] = frame.length;
    packets.clone[row] = id;
    return backend.deliver(packets, Uint16Array.of(row), 1) === 1;
  };
  const take = () => {
    const sent: Sent[] = [];
    do {
      packets.reset();
      const taken = backend.collect(packets, 256);
      for (let row = packets.used - taken; row < packets.used; row++) {
        sent.push(takeApart(packets.clone[row]!, Buffer.from(packets.packet(row))));
      }
    } while (backend.busy);
    return sent;
  };
  return {
    backend,
    clock,
    packets,
    told,
    make(id, identity = {}, image = names[0]!) {
      const whole = { address: HERE, mac: MAC, hostname: `host-${id}`, entropy: 0x0123456789abcdefn, ...identity };
      backend.request(id, names.indexOf(image), whole);
      take();
    },
    give,
    take,
    ask(id, frame) {
      give(id, frame);
      return take();
    },
    wait(seconds) {
      // In small steps, as turns of an engine would.
      for (let i = 0; i < seconds * 20; i++) clock.advance(clock.now + 0.05);
    },
  };
}

/** One side of a TCP conversation, played by the test. */
export class Peer {
  readonly bench: Bench;
  readonly clone: number;
  readonly fields: { dport: number; sport: number; src?: number; dst?: number };
  seq = 1000;
  ack = 0;
  window = 65535;

  constructor(bench: Bench, clone: number, dport: number, sport = 40000, ends: Ends = {}) {
    this.bench = bench;
    this.clone = clone;
    this.fields = { dport, sport, ...ends };
  }

  /** Sends a segment and counts what it takes of the sequence space. Returns the answers. */
  send(flags: number, data: string | Buffer = '', options?: Buffer): Sent[] {
    const { seq, ack, window } = this;
    const frame = tcp({ ...this.fields, seq, ack, flags, window, data, ...(options && { options }) });
    this.seq = (seq + data.length + (flags & (S | F) ? 1 : 0)) >>> 0;
    return this.bench.ask(this.clone, frame);
  }

  /** Takes answers for read: what is acknowledged next is what follows them. */
  read(answers: Sent[]): string {
    for (const { seq, data, flags } of answers) {
      if (this.ack !== 0 && seq !== this.ack) throw new Error(`expected sequence number ${this.ack}, not ${seq}`);
      this.ack = (seq + data.length + (flags & (S | F) ? 1 : 0)) >>> 0;
    }
    return answers.map(({ data }) => data).join('');
  }

  /** Shakes hands. Returns what the clone said at once. */
  open(options?: Buffer): string {
    this.read(this.send(S, '', options));
    return this.read(this.send(A));
  }
}
