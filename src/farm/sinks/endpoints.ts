import { keyedHash } from '../../packet/half-siphash.js';
import type { Packets } from '../../packet/packets.js';
import { type PageClone, Pool, PoolError, type ReferenceImage } from '../pool.js';
import { checksum, pseudoHeader } from '../simulated/checksum.js';
import { type Connection, STATE } from '../simulated/connection.js';
import { FrameRing } from '../simulated/frames.js';
import { WORKING_SET_AT } from '../simulated/layout.js';
import { Machine } from '../simulated/machine.js';
import { type Applications, Opening } from '../simulated/opening.js';
import { type Profile, parseProfile } from '../simulated/profile.js';
import { Segment, TCP } from '../simulated/segment.js';
import { Sender } from '../simulated/sender.js';
import { Tcp } from '../simulated/tcp.js';
import { PROTOCOL, Transmitter } from '../simulated/transmitter.js';
import { ETHERNET } from '../wire.js';
import type { Peer, Speaker, Talk } from './peer.js';

export interface EndpointsOptions {
  readonly clock: { readonly now: number; after(seconds: number, run: () => void): void };
  /** Asks for a turn. */
  wake(): void;
  /** 64 bits from which sequence numbers and the like follow. */
  readonly key: readonly [low: number, high: number];
  /** Addresses that are played at once, connections to all of them, and bytes that these may take. */
  readonly endpoints: number;
  readonly connections: number;
  readonly memory: number;
  /** Seconds after which an address that nobody talks to is forgotten. */
  readonly idle: number;
  /** Makes what talks on a new connection. */
  talk(kind: number, peer: Peer, speaker: Speaker): Talk;
}

/** What became of a segment. */
export type Receipt = 'taken' | 'malformed' | 'checksum' | 'crowded' | 'memory';

/** An address of a universe that a sink plays. */
interface Endpoint {
  readonly universe: number;
  readonly address: number;
  readonly kind: number;
  readonly memory: PageClone;
  /** By slot of the connection. */
  readonly conversations: (Conversation | undefined)[];
  /** When its first timer is due, Infinity if none is, and when it was talked to last. */
  due: number;
  used: number;
}

/** Bytes that wait to be brought into the graph. */
const OUTBOX = 2 ** 20;
/** Seconds between two looks for timers. */
const SWEEP = 0.1;
/** A peer on the wire of nobody: there is only one neighbour. */
const NEIGHBOUR = 1;
const CLOSING = [STATE.established, STATE.closeWait] as const;

/** An ordinary Linux, all of whose ports are open: which of them are asked is up to policy. `echo` closes the window when it must. */
const PROFILE: Profile = parseProfile(
  'ttl 64\nwindow 64240\nmss 1460\noptions mss sack timestamp nop wscale 7\ntcp 1-65535 echo\n',
  'sink.image',
);

/**
 * The TCP connections of clones to sinks, by the stack of the simulated machines: each address of a universe that a sink plays
 * is a machine of its own, made when the first packet for it comes.
 */
export class Endpoints implements Applications {
  /** Connections, and addresses that were given up for others or because there was no memory. */
  talks = 0;
  evicted = 0;
  private readonly options: EndpointsOptions;
  private pool: Pool | undefined;
  private image: ReferenceImage | undefined;
  private readonly ring = new FrameRing(OUTBOX);
  private readonly machine = new Machine();
  private readonly transmitter = new Transmitter(this.machine, this.ring);
  private readonly sender = new Sender(this.machine, this.transmitter);
  private readonly opening = new Opening(this.machine, this.sender);
  private readonly tcp = new Tcp(this.machine, this.sender, this.opening);
  private readonly segment = new Segment();
  private readonly universes = new Map<number, Map<number, Endpoint>>();
  /** All of them, the one that was talked to last at the end. */
  private readonly order = new Set<Endpoint>();
  private readonly restless = new Set<Endpoint>();
  private sweeping = false;
  private current: Endpoint | undefined;
  /** The clone whose segment is being heard. */
  private clone = 0;
  private datagrams = 0;

  constructor(options: EndpointsOptions) {
    this.options = options;
    this.opening.applications = this.tcp.applications = this;
    this.machine.onFree = (connection) => this.forget(connection);
  }

  get size(): number {
    return this.order.size;
  }

  /** Packets that wait to be brought into the graph. */
  get waiting(): number {
    return this.ring.count;
  }

  /** Packets that were lost because too many waited. */
  get overflowed(): number {
    return this.ring.dropped;
  }

  /** Hears a TCP segment that is for a sink. */
  receive(packets: Packets, row: number, kind: number): Receipt {
    const { bytes, view } = packets;
    const { segment } = this;
    const at = packets.start[row]! + packets.ipHeader[row]!;
    const end = packets.start[row]! + packets.length[row]!;
    const [src, dst] = [packets.src[row]!, packets.dst[row]!];
    if (!segment.read(bytes, view, at, end)) return 'malformed';
    if (checksum(bytes, at, end - at, pseudoHeader(src, dst, PROTOCOL.tcp, end - at)) !== 0) return 'checksum';
    segment.src = src;
    segment.mac = NEIGHBOUR;
    const opens = segment.has(TCP.syn) && !segment.has(TCP.ack);
    if (opens && this.talks >= this.options.connections) return 'crowded';
    const endpoint = this.find(packets.universe[row]!, dst, kind);
    if (!endpoint) return 'memory';
    this.order.delete(endpoint);
    this.order.add(endpoint);
    endpoint.used = this.options.clock.now;
    this.clone = packets.clone[row]!;
    return this.run(endpoint, () => this.tcp.receive(segment)) ? 'taken' : 'memory';
  }

  /** Sends a UDP datagram to a clone. */
  datagram({ universe, address, target, port }: Peer, to: number, payload: Uint8Array): void {
    const { machine, transmitter } = this;
    const { header } = machine;
    const { view, bytes } = transmitter;
    const at = Transmitter.PAYLOAD;
    // No machine runs now; this one is nobody, and lives for one packet.
    machine.profile = PROFILE;
    header.address = target;
    [header.keyLow, header.keyHigh] = this.options.key;
    header.sent = this.datagrams++;
    view.setUint16(at, port);
    view.setUint16(at + 2, to);
    view.setUint16(at + 4, 8 + payload.length);
    bytes.set(payload, at + 8);
    transmitter.clone = universe;
    transmitter.ip(PROTOCOL.udp, address, NEIGHBOUR, 8 + payload.length);
    this.options.wake();
  }

  /** Takes the oldest packet for a clone into a row. @returns the row, -1 if none waits or the table is full */
  collect(packets: Packets): number {
    if (packets.free === 0) return -1;
    const sent = this.ring.shift();
    if (!sent) return -1;
    const row = packets.take();
    const start = packets.start[row]!;
    packets.bytes.set(sent.frame.subarray(ETHERNET), start);
    packets.length[row] = sent.frame.length - ETHERNET;
    packets.universe[row] = sent.clone;
    packets.src[row] = packets.view.getUint32(start + 12);
    packets.dst[row] = packets.view.getUint32(start + 16);
    packets.proto[row] = packets.bytes[start + 9]!;
    packets.ipHeader[row] = 20;
    packets.sport[row] = packets.view.getUint16(start + 20);
    packets.dport[row] = packets.view.getUint16(start + 22);
    return row;
  }

  /** Forgets addresses that nobody talks to. For a call every few seconds. */
  expire(): void {
    const { clock, idle } = this.options;
    for (const endpoint of this.order) {
      if (endpoint.used > clock.now - idle) break;
      this.close(endpoint);
    }
  }

  endUniverse(id: number): void {
    for (const endpoint of this.universes.get(id)?.values() ?? []) this.close(endpoint);
  }

  stop(): void {
    for (const endpoint of this.order) this.close(endpoint);
    this.pool?.close();
  }

  opened(c: Connection): void {
    const endpoint = this.current!;
    const peer: Peer = {
      universe: endpoint.universe,
      clone: this.clone,
      address: c.remote,
      target: endpoint.address,
      port: c.localPort,
    };
    const conversation = new Conversation(() => this.speak(endpoint, c.slot, conversation));
    conversation.talk = this.options.talk(endpoint.kind, peer, conversation);
    endpoint.conversations[c.slot] = conversation;
    this.talks++;
    conversation.talk.begin();
    this.pump(c, conversation);
  }

  data(c: Connection, bytes: Uint8Array): number {
    const conversation = this.current!.conversations[c.slot];
    // Whoever does not listen is not listened to: the peer sends it again when our answers have got through.
    if (!conversation || conversation.pending) return 0;
    conversation.talk.hear(bytes);
    this.pump(c, conversation);
    return bytes.length;
  }

  room(c: Connection): void {
    const conversation = this.current!.conversations[c.slot];
    if (conversation?.pending) this.pump(c, conversation);
  }

  ended(c: Connection): boolean {
    const conversation = this.current!.conversations[c.slot];
    if (!conversation) return true;
    conversation.end();
    conversation.close();
    return !conversation.pending;
  }

  failed(): void {}

  private forget({ slot }: Connection): void {
    const conversation = this.current!.conversations[slot];
    if (!conversation) return;
    this.current!.conversations[slot] = undefined;
    this.talks--;
    conversation.end();
  }

  /** A talk says something while its machine does not run. */
  private speak(endpoint: Endpoint, slot: number, conversation: Conversation): void {
    if (this.current === endpoint || endpoint.conversations[slot] !== conversation) return;
    this.run(endpoint, () => {
      const c = this.machine.connections[slot]!;
      this.pump(c, conversation);
      this.sender.flush(c, false);
    });
    this.options.wake();
  }

  /** Queues what waits to be said, as much of it as there is room for, and closes when all is. */
  private pump(c: Connection, conversation: Conversation): void {
    for (let bytes = conversation.next; bytes; bytes = conversation.next) {
      const taken = this.machine.queue(c, bytes);
      conversation.said(taken);
      if (taken < bytes.length) return;
    }
    if (conversation.closing && CLOSING.some((state) => state === c.state)) this.tcp.close(c);
  }

  private find(universe: number, address: number, kind: number): Endpoint | undefined {
    const known = this.universes.get(universe) ?? new Map<number, Endpoint>();
    const key = address * 256 + kind;
    const found = known.get(key);
    if (found) return found;
    if (this.order.size >= this.options.endpoints) {
      const [oldest] = this.order;
      this.evicted++;
      this.close(oldest!);
    }
    const memory = this.makeMemory(universe, address, kind);
    if (!memory) return undefined;
    const used = this.options.clock.now;
    const endpoint = { universe, address, kind, memory, conversations: [], due: Number.POSITIVE_INFINITY, used };
    known.set(key, endpoint);
    this.universes.set(universe, known);
    this.order.add(endpoint);
    return endpoint;
  }

  /** The memory that every machine starts with: the first one needs it. */
  private makeImage(): ReferenceImage {
    this.pool = new Pool({ budget: this.options.memory, clones: this.options.endpoints + 1 });
    const image = this.pool.createImage(WORKING_SET_AT);
    image.seal();
    return image;
  }

  private makeMemory(universe: number, address: number, kind: number): PageClone | undefined {
    const [low, high] = this.options.key;
    const half = (part: number) => BigInt(keyedHash(low, high, universe, address, kind, part));
    let memory: PageClone | undefined;
    try {
      this.image ??= this.makeImage();
      memory = this.image.clone();
      const identity = { address, mac: Uint8Array.of(2, 0, 0, 0, 0, 1), hostname: '' };
      this.machine.create(memory, PROFILE, { ...identity, entropy: (half(0) << 32n) | half(1) });
      return memory;
    } catch (error) {
      if (!(error instanceof PoolError)) throw error;
      memory?.close();
      return undefined;
    }
  }

  /** Runs a machine for a moment. If its memory does not suffice it is given up, and false is returned. */
  private run(endpoint: Endpoint, moment: () => void): boolean {
    const { machine, ring, transmitter } = this;
    const mark = ring.mark();
    this.current = endpoint;
    try {
      machine.resume(endpoint.memory, PROFILE, this.options.clock.now);
      transmitter.clone = endpoint.universe;
      moment();
      endpoint.due = machine.suspend();
    } catch (error) {
      if (!(error instanceof PoolError)) throw error;
      ring.undo(mark);
      this.evicted++;
      this.close(endpoint);
      return false;
    } finally {
      this.current = undefined;
    }
    if (endpoint.due < Number.POSITIVE_INFINITY) this.restless.add(endpoint);
    else this.restless.delete(endpoint);
    this.arm();
    return true;
  }

  /** Sees to it that timers are looked at, as long as there are any. */
  private arm(): void {
    if (this.sweeping || this.restless.size === 0) return;
    this.sweeping = true;
    this.options.clock.after(SWEEP, () => {
      this.sweeping = false;
      const { now } = this.options.clock;
      for (const endpoint of [...this.restless]) if (endpoint.due <= now) this.run(endpoint, () => this.timeouts());
      this.arm();
      if (this.ring.count > 0) this.options.wake();
    });
  }

  private timeouts(): void {
    const { connections, now } = this.machine;
    for (const each of connections) if (each.due > 0 && each.due <= now) this.tcp.timeout(each);
  }

  private close(endpoint: Endpoint): void {
    const { universe, address, kind } = endpoint;
    const known = this.universes.get(universe);
    known?.delete(address * 256 + kind);
    if (known?.size === 0) this.universes.delete(universe);
    this.order.delete(endpoint);
    this.restless.delete(endpoint);
    for (const [slot, conversation] of endpoint.conversations.entries()) {
      if (!conversation) continue;
      endpoint.conversations[slot] = undefined;
      this.talks--;
      conversation.end();
    }
    endpoint.memory.close();
  }
}

/** What is said and heard on a connection. */
class Conversation implements Speaker {
  talk!: Talk;
  closing = false;
  private over = false;
  private readonly queue: Uint8Array[] = [];
  private offset = 0;
  private readonly onSay: () => void;

  constructor(onSay: () => void) {
    this.onSay = onSay;
  }

  say(bytes: Uint8Array | string): void {
    const piece = typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes;
    if (piece.length === 0) return;
    this.queue.push(piece);
    this.onSay();
  }

  close(): void {
    this.closing = true;
    this.onSay();
  }

  /** Nothing more is heard. */
  end(): void {
    if (!this.over) this.talk.end();
    this.over = true;
  }

  /** Whether something waits to be said. */
  get pending(): boolean {
    return this.queue.length > 0;
  }

  /** What is to be said next. */
  get next(): Uint8Array | undefined {
    return this.queue[0]?.subarray(this.offset);
  }

  /** So many bytes of it have been queued. */
  said(bytes: number): void {
    this.offset += bytes;
    if (this.offset < this.queue[0]!.length) return;
    this.queue.shift();
    this.offset = 0;
  }
}
