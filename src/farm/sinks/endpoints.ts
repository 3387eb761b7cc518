import type { Packets } from '../../packet/packets.js';
import { checksum, pseudoHeader } from '../simulated/checksum.js';
import { Segment, TCP } from '../simulated/segment.js';
import { PROTOCOL } from '../simulated/transmitter.js';
import { Conversations } from './conversations.js';
import { type Endpoint, EndpointSet } from './endpoint-set.js';
import { Machines, type MachinesOptions, NEIGHBOUR } from './machines.js';
import { Outbox } from './outbox.js';
import type { Peer, Speaker, Talk } from './peer.js';

export interface EndpointsOptions extends Omit<MachinesOptions, 'ring' | 'onExhausted'> {
  /** Connections to all addresses at once. */
  readonly connections: number;
  /** Seconds after which an address that nobody talks to is forgotten. */
  readonly idle: number;
  /** Makes what talks on a new connection. */
  talk(kind: number, peer: Peer, speaker: Speaker): Talk;
}

/** What became of a segment. */
export type Receipt = 'taken' | 'malformed' | 'checksum' | 'crowded' | 'memory';

/**
 * The TCP connections of clones to sinks, by the stack of the simulated machines: each address of a universe that a sink plays
 * is a machine of its own, made when the first packet for it comes.
 */
export class Endpoints {
  /** Addresses that were given up for others or because there was no memory. */
  evicted = 0;
  private readonly options: EndpointsOptions;
  private readonly outbox: Outbox;
  private readonly machines: Machines;
  private readonly conversations: Conversations;
  private readonly all = new EndpointSet();
  private readonly segment = new Segment();

  constructor(options: EndpointsOptions) {
    const { clock, key, endpoints, memory } = options;
    const wake = () => options.wake();
    this.options = options;
    this.outbox = new Outbox(key);
    this.machines = new Machines({
      clock,
      wake,
      key,
      endpoints,
      memory,
      ring: this.outbox.ring,
      onExhausted: (endpoint) => this.evict(endpoint),
    });
    this.conversations = new Conversations({
      machines: this.machines,
      wake,
      talk: (kind, peer, speaker) => options.talk(kind, peer, speaker),
    });
  }

  get size(): number {
    return this.all.size;
  }

  /** Connections. */
  get talks(): number {
    return this.conversations.count;
  }

  /** Packets that wait to be brought into the graph. */
  get waiting(): number {
    return this.outbox.waiting;
  }

  /** Packets that were lost because too many waited. */
  get overflowed(): number {
    return this.outbox.overflowed;
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
    const universe = packets.universe[row]!;
    const endpoint = this.all.get(universe, dst, kind) ?? this.make(universe, dst, kind);
    if (!endpoint) return 'memory';
    this.all.touch(endpoint, this.options.clock.now);
    this.conversations.clone = packets.clone[row]!;
    return this.machines.receive(endpoint, segment) ? 'taken' : 'memory';
  }

  /** Sends a UDP datagram to a clone. */
  datagram(peer: Peer, to: number, payload: Uint8Array): void {
    this.outbox.datagram(peer, to, payload);
    this.options.wake();
  }

  /** Takes the oldest packet for a clone into a row. @returns the row, -1 if none waits or the table is full */
  collect(packets: Packets): number {
    return this.outbox.collect(packets);
  }

  /** Forgets addresses that nobody talks to. For a call every few seconds. */
  expire(): void {
    const { clock, idle } = this.options;
    for (const endpoint of this.all) {
      if (endpoint.used > clock.now - idle) break;
      this.close(endpoint);
    }
  }

  endUniverse(id: number): void {
    for (const endpoint of this.all.ofUniverse(id)) this.close(endpoint);
  }

  stop(): void {
    for (const endpoint of this.all) this.close(endpoint);
    this.machines.stop();
  }

  /** A new endpoint, for which another one goes if it must. @returns undefined if there is no memory for it */
  private make(universe: number, address: number, kind: number): Endpoint | undefined {
    if (this.all.size >= this.options.endpoints) {
      const [oldest] = this.all;
      this.evict(oldest!);
    }
    const memory = this.machines.create(universe, address, kind);
    if (!memory) return undefined;
    const used = this.options.clock.now;
    const endpoint = { universe, address, kind, memory, conversations: [], due: Number.POSITIVE_INFINITY, used };
    this.all.add(endpoint);
    return endpoint;
  }

  private evict(endpoint: Endpoint): void {
    this.evicted++;
    this.close(endpoint);
  }

  private close(endpoint: Endpoint): void {
    this.all.remove(endpoint);
    this.conversations.endAll(endpoint);
    this.machines.end(endpoint);
  }
}
