/** Two ends of TCP connections, and what is between them, for tests of the Rewriter. */
import { Rewriter } from '../../src/elements/Rewriter.js';
import { Rewrites } from '../../src/farm/policy/rewrites.js';
import { Substitution } from '../../src/packet/rewrite/substitution.js';
import { columnsOf, craft } from '../unit/craft.js';
import { type Rig, rig } from '../unit/rig.js';

export const CLONE = 0x0a630102;
export const OUTSIDE = 0xcb007109;
const [FIN, SYN, ACK] = [1, 2, 16];

export const substitutionOf = (pairs: readonly (readonly [string, string])[]) =>
  new Substitution(
    pairs.map(([from, to]) => ({ from: Buffer.from(from, 'latin1'), to: Buffer.from(to, 'latin1') })),
    JSON.stringify(pairs),
  );

/** A segment as an end sees it. */
export interface Seg {
  readonly seq: number;
  readonly ack: number;
  readonly flags: number;
  readonly window: number;
  readonly data: Buffer;
}

export interface Ends {
  readonly src: number;
  readonly dst: number;
  readonly sport: number;
  readonly dport: number;
}

export const endsOf = (packet: Buffer): Ends => ({
  src: packet.readUInt32BE(12),
  dst: packet.readUInt32BE(16),
  sport: packet.readUInt16BE(20),
  dport: packet.readUInt16BE(22),
});

export function packetOf(ends: Ends, { seq, ack, flags, window, data }: Seg, options = Buffer.alloc(0)): Buffer {
  const packet = craft({
    ...ends,
    proto: 6,
    tcpFlags: flags,
    sequence: seq,
    window,
    tcpOptions: options,
    payload: data,
  });
  packet.writeUInt32BE(ack, 28);
  mendTcp(packet);
  return packet;
}

function sum(bytes: Uint8Array, from = 0): number {
  let total = from;
  for (let i = 0; i < bytes.length; i++) total += bytes[i]! << (i % 2 === 0 ? 8 : 0);
  while (total > 0xffff) total = (total & 0xffff) + (total >>> 16);
  return total;
}

const tcpSum = (packet: Buffer) => sum(packet.subarray(20), sum(packet.subarray(12, 20), 6 + packet.length - 20));

function mendTcp(packet: Buffer): void {
  packet.writeUInt16BE(0, 36);
  packet.writeUInt16BE(~tcpSum(packet) & 0xffff, 36);
}

export function segOf(packet: Buffer): Seg {
  if (packet.readUInt16BE(2) !== packet.length) throw new Error('the IPv4 length is wrong');
  if (sum(packet.subarray(0, 20)) !== 0xffff) throw new Error('the IPv4 checksum is wrong');
  if (tcpSum(packet) !== 0xffff) throw new Error('the TCP checksum is wrong');
  return {
    seq: packet.readUInt32BE(24),
    ack: packet.readUInt32BE(28),
    flags: packet[33]!,
    window: packet.readUInt16BE(34),
    data: packet.subarray(20 + (packet[32]! >> 4) * 4),
  };
}

/** A Rewriter on a bench, with the number that stands for some strings. */
export function bench(substitution: Substitution, config = ''): { column: number; rewriter: Rig<Rewriter> } {
  const rewriter = rig(Rewriter, config);
  return { column: rewriter.engine.services.shared(Rewrites).column(substitution), rewriter };
}

/** Sends packets through it by an input. @returns what comes out, by output */
export function through(
  { column, rewriter }: ReturnType<typeof bench>,
  input: string,
  packets: readonly Buffer[],
  more = 0,
): Record<string, Buffer[]> {
  for (const packet of packets)
    rewriter.put(
      packet,
      { ...columnsOf(packet), universe: 1, clone: 1, rewrite: input === 'back' ? 0 : column | more },
      input,
    );
  const out = rewriter.run();
  return Object.fromEntries(Object.entries(out).map(([name, list]) => [name, list.map(({ bytes }) => bytes)]));
}

const diff = (a: number, b: number) => (a - b) | 0;

/**
 * One end of a connection: sends its data in segments of any size, sends again all that is not acknowledged, takes what comes in
 * order, and holds what comes early.
 */
export class End {
  /** What it has got, without gaps. */
  readonly got: Buffer[] = [];
  gotAll = false;
  private readonly data: Buffer;
  private readonly isn: number;
  private readonly opens: boolean;
  private acked = 0;
  private next = 0;
  private peerIsn: number | undefined;
  private received = 0;
  private readonly early = new Map<number, Seg>();
  private window = 0xffff;
  /** Every byte that was ever seen, by position: one position never holds two. */
  private readonly seen = new Map<number, number>();
  owesAck = false;
  advertised = 4096;
  private edge = 0;

  constructor(data: Buffer, isn: number, opens: boolean) {
    this.data = data;
    this.isn = isn;
    this.opens = opens;
  }

  /** All of what it has sent has been acknowledged, a FIN as well. */
  get done(): boolean {
    return this.acked === this.data.length + 2;
  }

  get idle(): boolean {
    return this.acked === this.next;
  }

  /** The next segment, of at most so many bytes; nothing if there is nothing to say. */
  next_(size: number): Seg | undefined {
    if (this.next === 0) {
      if (!this.opens && this.peerIsn === undefined) return undefined;
      return this.make(0, 0);
    }
    if (this.peerIsn === undefined || this.acked === 0) return undefined;
    const room = Math.max(0, this.acked + Math.max(1, this.window) - this.next);
    const left = this.data.length + 1 - this.next;
    if (left > 0) return room > 0 ? this.make(this.next, Math.min(size, left, room)) : undefined;
    return left === 0 ? this.make(this.next, 0) : undefined;
  }

  /** Sends again, from what is not acknowledged on. */
  again(sizes: () => number): Seg[] {
    const list: Seg[] = [];
    for (let at = this.acked; at < this.next; ) {
      if (at === 0) {
        list.push(this.make(0, 0));
        at = 1;
        continue;
      }
      const length = Math.min(sizes(), this.data.length + 1 - at);
      list.push(this.make(at, length));
      at += Math.max(1, length);
    }
    return list;
  }

  private make(at: number, length: number): Seg {
    const data = at === 0 ? Buffer.alloc(0) : this.data.subarray(at - 1, at - 1 + length);
    const ends = at > 0 && at + length === this.data.length + 1;
    const flags = (at === 0 ? SYN : 0) | (ends ? FIN : 0) | (this.peerIsn === undefined ? 0 : ACK);
    this.next = Math.max(this.next, at + length + (at === 0 || ends ? 1 : 0));
    return { ...this.bare(), seq: (this.isn + at) >>> 0, flags, data };
  }

  /** An acknowledgement. */
  bare(): Seg {
    this.owesAck = false;
    const ack = this.peerIsn === undefined ? 0 : (this.peerIsn + this.received) >>> 0;
    this.edge = Math.max(this.edge, this.received + this.advertised);
    return { seq: (this.isn + this.next) >>> 0, ack, flags: ACK, window: this.advertised, data: Buffer.alloc(0) };
  }

  get connected(): boolean {
    return this.peerIsn !== undefined;
  }

  take(seg: Seg): void {
    if (seg.flags & SYN) {
      if (this.peerIsn !== undefined && this.peerIsn !== seg.seq) throw new Error('another SYN');
      this.peerIsn = seg.seq;
      this.received = Math.max(1, this.received);
      this.owesAck = true;
    }
    if (this.peerIsn === undefined) return;
    if (seg.flags & ACK) {
      const ack = diff(seg.ack, this.isn);
      if (ack > this.next) throw new Error(`${ack} is acknowledged of ${this.next}`);
      if (ack >= this.acked) {
        this.acked = ack;
        this.window = seg.window;
      }
    }
    const at = diff(seg.seq, this.peerIsn) + (seg.flags & SYN ? 1 : 0);
    for (const [i, byte] of seg.data.entries()) {
      const before = this.seen.get(at + i);
      if (before !== undefined && before !== byte) throw new Error('what is sent again is not what was sent first');
      this.seen.set(at + i, byte);
    }
    if (this.edge > 0 && at + seg.data.length > Math.max(this.edge, 4096 + 1) && seg.data.length > 1)
      throw new Error('there is no room for that');
    // Whatever is not what is expected next is answered (RFC 9293 3.10.7.4).
    if (seg.data.length > 0 || seg.flags & FIN || at < this.received) this.owesAck = true;
    if (seg.data.length > 0 || seg.flags & FIN)
      this.early.set(at, (this.early.get(at)?.data.length ?? -1) > seg.data.length ? this.early.get(at)! : seg);
    this.drain();
  }

  private drain(): void {
    for (let more = true; more; ) {
      more = false;
      for (const [at, seg] of this.early) {
        if (at > this.received) continue;
        this.early.delete(at);
        const skip = this.received - at;
        if (skip < seg.data.length) {
          this.got.push(seg.data.subarray(skip));
          this.received += seg.data.length - skip;
          more = true;
        }
        if (seg.flags & FIN && at + seg.data.length === this.received && !this.gotAll) {
          this.gotAll = true;
          this.received++;
        }
      }
    }
  }
}
