import { formatAddress } from '../packet/address.js';
import { DIRECTION, type RecordedFrame, type Recording } from './recording.js';

/** One wire in a capture file. */
export interface CapturedWire {
  readonly address: number;
  readonly mac: Uint8Array;
  readonly clone: number;
  readonly universe: number;
  readonly image: string;
  readonly recording: Recording;
}

// draft-ietf-opsawg-pcapng
const BLOCK = { section: 0x0a0d0d0a, interface: 1, statistics: 5, packet: 6 } as const;
const OPTION = {
  comment: 1,
  section: { application: 4 },
  interface: { name: 2, description: 3, ipv4: 4, mac: 6, resolution: 9 },
  packet: { flags: 2 },
  statistics: { received: 4, dropped: 5 },
} as const;
const ETHERNET = 1;
const NANOSECONDS = 9;

/** Bytes handed over in one go, at least, save the last. */
const CHUNK = 64 * 1024;

/**
 * A pcapng file of the frames of some clones, merged in the order of time: an interface for each clone, named for its
 * address. What a recording had no room for is told as dropped in the interface's statistics.
 */
export function* pcapng(wires: readonly CapturedWire[], comment: string): Generator<Uint8Array> {
  let parts: Uint8Array[] = [section(comment), ...wires.map(describe)];
  let bytes = 0;
  for (const { wire, frame } of merge(wires)) {
    const block = packet(wire, frame);
    parts.push(block);
    bytes += block.length;
    if (bytes < CHUNK) continue;
    yield Buffer.concat(parts);
    parts = [];
    bytes = 0;
  }
  yield Buffer.concat([...parts, ...wires.map(statistics)]);
}

interface Head {
  readonly wire: number;
  readonly frames: Iterator<RecordedFrame, void>;
  readonly frame: RecordedFrame;
}

const later = (one: RecordedFrame, other: RecordedFrame): boolean =>
  one.sec > other.sec || (one.sec === other.sec && one.nsec > other.nsec);

/** All frames by time. Those of one clone keep their order. */
function* merge(wires: readonly CapturedWire[]): Generator<Head> {
  /** The next frame of each wire, the latest first. */
  const heads: Head[] = [];
  const insert = (wire: number, frames: Iterator<RecordedFrame, void>) => {
    const { value: frame } = frames.next();
    if (!frame) return;
    let [low, high] = [0, heads.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (later(heads[middle]!.frame, frame)) low = middle + 1;
      else high = middle;
    }
    heads.splice(low, 0, { wire, frames, frame });
  };
  for (const [i, { recording }] of wires.entries()) insert(i, recording[Symbol.iterator]());
  for (let head = heads.pop(); head; head = heads.pop()) {
    yield head;
    insert(head.wire, head.frames);
  }
}

function section(comment: string): Uint8Array {
  const body = Buffer.alloc(16, 0xff);
  body.writeUInt32LE(0x1a2b3c4d, 0);
  body.writeUInt16LE(1, 4);
  body.writeUInt16LE(0, 6);
  return block(BLOCK.section, body, [
    [OPTION.section.application, Buffer.from('potemkin')],
    [OPTION.comment, Buffer.from(comment)],
  ]);
}

function describe({ address, mac, clone, universe, image }: CapturedWire): Uint8Array {
  const body = Buffer.alloc(8);
  body.writeUInt16LE(ETHERNET, 0);
  const ipv4 = Buffer.alloc(8, 0xff);
  ipv4.writeUInt32BE(address, 0);
  return block(BLOCK.interface, body, [
    [OPTION.interface.name, Buffer.from(formatAddress(address))],
    [OPTION.interface.description, Buffer.from(`image ${image}, universe ${universe}, clone ${clone}`)],
    [OPTION.interface.ipv4, ipv4],
    [OPTION.interface.mac, mac],
    [OPTION.interface.resolution, Buffer.of(NANOSECONDS)],
  ]);
}

function packet(wire: number, { sec, nsec, direction, bytes, comment }: RecordedFrame): Uint8Array {
  const time = BigInt(sec) * 1_000_000_000n + BigInt(nsec);
  const body = Buffer.alloc(20 + padded(bytes.length));
  body.writeUInt32LE(wire, 0);
  body.writeUInt32LE(Number(time >> 32n), 4);
  body.writeUInt32LE(Number(time & 0xffffffffn), 8);
  body.writeUInt32LE(bytes.length, 12);
  body.writeUInt32LE(bytes.length, 16);
  body.set(bytes, 20);
  const flags = Buffer.alloc(4);
  flags.writeUInt32LE(DIRECTION[direction], 0);
  return block(BLOCK.packet, body, [
    [OPTION.packet.flags, flags],
    ...(comment === undefined ? [] : [[OPTION.comment, Buffer.from(comment)] as const]),
  ]);
}

function statistics({ recording }: CapturedWire, wire: number): Uint8Array {
  const body = Buffer.alloc(12);
  body.writeUInt32LE(wire, 0);
  const number = (value: number) => {
    const bytes = Buffer.alloc(8);
    bytes.writeBigUInt64LE(BigInt(value));
    return bytes;
  };
  return block(BLOCK.statistics, body, [
    [OPTION.statistics.received, number(recording.frames + recording.missed)],
    [OPTION.statistics.dropped, number(recording.missed)],
  ]);
}

const padded = (length: number): number => (length + 3) & ~3;

/** A block: its type, its length before and after, the body, and options with the end of options. */
function block(type: number, body: Uint8Array, options: readonly (readonly [number, Uint8Array])[]): Uint8Array {
  const length = options.reduce((sum, [, value]) => sum + 4 + padded(value.length), 12 + body.length + 4);
  const bytes = Buffer.alloc(length);
  bytes.writeUInt32LE(type, 0);
  bytes.writeUInt32LE(length, 4);
  bytes.set(body, 8);
  let at = 8 + body.length;
  for (const [code, value] of options) {
    bytes.writeUInt16LE(code, at);
    bytes.writeUInt16LE(value.length, at + 2);
    bytes.set(value, at + 4);
    at += 4 + padded(value.length);
  }
  bytes.writeUInt32LE(length, length - 4);
  return bytes;
}
