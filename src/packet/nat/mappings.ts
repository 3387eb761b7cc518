import type { Packets } from '../packets.js';
import { PROTOCOL, TCP_FLAG } from '../protocol.js';
import { Table } from '../table.js';
import { type PortOptions, Ports } from './ports.js';

/** Seconds that a mapping is kept without packets. */
export interface MappingTimeouts {
  readonly tcp: number;
  readonly transitory: number;
  readonly udp: number;
  readonly icmp: number;
}

export interface MappingOptions extends PortOptions {
  readonly capacity: number;
  readonly timeouts: MappingTimeouts;
}

/** TCP: whether both ends have gone on after the SYNs, and whether one has ended it. */
const STATE = { answered: 1, open: 2, closed: 4 } as const;

const WORDS = 5;

/**
 * Which flow of a clone goes by which port outside. Each has a port of its own, and only the end that the clone has spoken
 * to reaches it: address- and port-dependent mapping and filtering (RFC 4787 4.1, 5), the narrowest there is.
 *
 * A mapping is a slot of its columns, from when it is made until a sweep forgets it.
 */
export class Mappings {
  /** Flows at once. */
  size = 0;
  /** The port, or identifier, that is seen outside; 0 where there is no mapping. */
  readonly outer: Uint16Array;
  /** The clone's address and port, or ICMP identifier. */
  readonly address: Uint32Array;
  readonly port: Uint16Array;
  /** Result i of outward(): the mapping of the flow, or -1 if it cannot have one. */
  readonly slots: Int32Array;
  private readonly timeouts: MappingTimeouts;
  private readonly table: Table;
  /** The same table for single lookups, which leave `slots` as they are. */
  private readonly single: Table;
  private readonly ports: Ports;
  private readonly proto: Uint8Array;
  /** The other end; its port is 0 for ICMP. */
  private readonly peer: Uint32Array;
  private readonly peerPort: Uint16Array;
  private readonly state: Uint8Array;
  /** When the last packet passed. */
  private readonly active: Float64Array;
  /** All slots in use are below this. */
  private end = 0;

  constructor({ capacity, timeouts, ...ports }: MappingOptions) {
    this.timeouts = timeouts;
    this.ports = new Ports(ports);
    const shape = { keyWords: WORDS, valueWords: 0, capacity };
    this.table = new Table({ ...shape, seed: ports.seed });
    this.single = new Table({ ...shape, memory: this.table.memory, batch: 1 });
    this.slots = this.table.slots;
    const { places } = this.table;
    this.outer = new Uint16Array(places);
    this.address = new Uint32Array(places);
    this.port = new Uint16Array(places);
    this.proto = new Uint8Array(places);
    this.peer = new Uint32Array(places);
    this.peerPort = new Uint16Array(places);
    this.state = new Uint8Array(places);
    this.active = new Float64Array(places);
  }

  /** Says which flow is number i of the next outward(): that of a row that a clone sends, TCP, UDP or ICMP echo. */
  ask(i: number, packets: Packets, row: number): void {
    const proto = packets.proto[row]!;
    // Of an ICMP echo the identifier is in dport, and it is both ends'.
    const ports =
      proto === PROTOCOL.icmp ? packets.dport[row]! << 16 : (packets.sport[row]! << 16) | packets.dport[row]!;
    const { keys } = this.table;
    const at = i * WORDS;
    keys[at] = packets.universe[row]!;
    keys[at + 1] = packets.src[row]!;
    keys[at + 2] = packets.dst[row]!;
    keys[at + 3] = ports;
    keys[at + 4] = proto;
  }

  /** Writes to `slots` the mappings of the first n flows that were asked for, and makes those that are not there. */
  outward(n: number, now: number): void {
    if (n > 0 && this.table.upsert(n, 0) > 0) this.make(n, now);
  }

  /** The mapping of one flow of a clone, or -1. */
  find(universe: number, proto: number, address: number, port: number, peer: number, peerPort: number): number {
    const { keys, slots } = this.single;
    keys[0] = universe;
    keys[1] = address;
    keys[2] = peer;
    keys[3] = (port << 16) | peerPort;
    keys[4] = proto;
    this.single.lookup(1);
    return slots[0]!;
  }

  /** The mapping by which an end outside may reach a clone, or -1. */
  inward(proto: number, outer: number, peer: number, peerPort: number): number {
    const slot = this.ports.holder(proto, outer);
    return slot >= 0 && this.peer[slot] === peer && this.peerPort[slot] === peerPort ? slot : -1;
  }

  /** A packet has passed. @param tcpFlags 0 if it is none of TCP, so that nothing is made of its state */
  note(slot: number, now: number, inward: boolean, tcpFlags: number): void {
    this.active[slot] = now;
    let state = this.state[slot]!;
    if (inward) state |= STATE.answered;
    else if ((state & STATE.answered) !== 0) state |= STATE.open;
    if ((tcpFlags & (TCP_FLAG.fin | TCP_FLAG.rst)) !== 0) state |= STATE.closed;
    else if (!inward && (tcpFlags & TCP_FLAG.syn) !== 0) state = 0;
    this.state[slot] = state;
  }

  /** Gives ports to the flows that are new among the first n. */
  private make(n: number, now: number): void {
    const { slots, fresh, keys } = this.table;
    for (let i = 0; i < n; i++) {
      const slot = slots[i]!;
      if (slot < 0) continue;
      if (fresh[i] === 0) {
        // It was new earlier in this batch, and got no port.
        if (this.outer[slot] === 0) slots[i] = -1;
        continue;
      }
      const at = i * WORDS;
      const proto = keys[at + 4]!;
      const outer = this.ports.take(proto, slot);
      if (outer === 0) {
        this.table.remove(slot);
        slots[i] = -1;
        continue;
      }
      this.outer[slot] = outer;
      this.address[slot] = keys[at + 1]!;
      this.peer[slot] = keys[at + 2]!;
      this.port[slot] = keys[at + 3]! >>> 16;
      this.peerPort[slot] = keys[at + 3]! & 0xffff;
      this.proto[slot] = proto;
      this.state[slot] = 0;
      this.active[slot] = now;
      this.size++;
      if (slot >= this.end) this.end = slot + 1;
    }
  }

  /** Forgets mappings that have been quiet for too long. */
  sweep(now: number): void {
    for (let slot = 0; slot < this.end; slot++) {
      const outer = this.outer[slot]!;
      if (outer === 0 || now - this.active[slot]! < this.timeout(slot)) continue;
      this.table.remove(slot);
      this.ports.free(this.proto[slot]!, outer);
      this.outer[slot] = 0;
      this.size--;
    }
    if (this.size === 0) this.end = 0;
  }

  private timeout(slot: number): number {
    const { tcp, transitory, udp, icmp } = this.timeouts;
    const proto = this.proto[slot];
    if (proto === PROTOCOL.tcp)
      return (this.state[slot]! & (STATE.open | STATE.closed)) === STATE.open ? tcp : transitory;
    return proto === PROTOCOL.udp ? udp : icmp;
  }
}
