import { createHmac } from 'node:crypto';
import { PROTOCOL, TCP_FLAG } from '../protocol.js';
import { Table } from '../table.js';

/** One end of a flow that a clone has begun, and the port by which the other end knows it. */
export interface Mapping {
  readonly slot: number;
  readonly proto: number;
  /** The clone's address and port, or ICMP identifier. */
  readonly address: number;
  readonly port: number;
  /** The other end's; its port is 0 for ICMP. */
  readonly peer: number;
  readonly peerPort: number;
  /** The port, or identifier, that is seen outside. */
  readonly outer: number;
  active: number;
  /** TCP: whether both ends have gone on after the SYNs, and whether one has ended it. */
  answered: boolean;
  open: boolean;
  closed: boolean;
}

/** Seconds that a mapping is kept without packets. */
export interface MappingTimeouts {
  readonly tcp: number;
  readonly transitory: number;
  readonly udp: number;
  readonly icmp: number;
}

export interface MappingOptions {
  readonly capacity: number;
  /** The ports that are given out, both included. */
  readonly ports: readonly [number, number];
  readonly timeouts: MappingTimeouts;
  /** 16 bytes that make ports unpredictable (RFC 6056). */
  readonly seed: Uint8Array;
}

const WORDS = 5;
/** Ports that are tried before it is given up. */
const TRIES = 64;

/**
 * Which flow of a clone goes by which port outside. Each has a port of its own, and only the end that the clone has spoken
 * to reaches it: address- and port-dependent mapping and filtering (RFC 4787 4.1, 5), the narrowest there is.
 */
export class Mappings {
  private readonly options: MappingOptions;
  private readonly table: Table;
  private readonly all = new Map<number, Mapping>();
  /** By protocol and port: the mapping that has it. */
  private readonly taken = new Map<number, Mapping>();
  private drawn: Buffer = Buffer.alloc(0);
  private draws = 0;

  constructor(options: MappingOptions) {
    this.options = options;
    this.table = new Table({ keyWords: WORDS, valueWords: 0, capacity: options.capacity, seed: options.seed });
  }

  get size(): number {
    return this.all.size;
  }

  /** The mapping of a clone's flow. @param make whether to make one if there is none; undefined if that cannot be */
  outward(
    universe: number,
    proto: number,
    address: number,
    port: number,
    peer: number,
    peerPort: number,
    now: number,
    make: boolean,
  ): Mapping | undefined {
    const { table } = this;
    table.keys.set([universe, address, peer, (port << 16) | peerPort, proto]);
    if (make) table.upsert(1, 0);
    else table.lookup(1);
    const slot = table.slots[0]!;
    if (slot < 0) return undefined;
    const known = this.all.get(slot);
    if (known) return known;
    const outer = this.draw(proto);
    if (outer === undefined) {
      table.remove(slot);
      return undefined;
    }
    const made: Mapping = {
      ...{ slot, proto, address, port, peer, peerPort, outer, active: now },
      ...{ answered: false, open: false, closed: false },
    };
    this.all.set(slot, made);
    this.taken.set((proto << 16) | outer, made);
    return made;
  }

  /** The mapping by which an end outside may reach a clone. */
  inward(proto: number, outer: number, peer: number, peerPort: number): Mapping | undefined {
    const mapping = this.taken.get((proto << 16) | outer);
    return mapping && mapping.peer === peer && mapping.peerPort === peerPort ? mapping : undefined;
  }

  /** A packet has passed. */
  note(mapping: Mapping, now: number, inward: boolean, tcpFlags: number): void {
    mapping.active = now;
    if (mapping.proto !== PROTOCOL.tcp) return;
    if (inward) mapping.answered = true;
    else if (mapping.answered) mapping.open = true;
    if (tcpFlags & (TCP_FLAG.fin | TCP_FLAG.rst)) mapping.closed = true;
    else if (!inward && tcpFlags & TCP_FLAG.syn) mapping.answered = mapping.open = mapping.closed = false;
  }

  /** A port that nobody has, drawn at random. */
  private draw(proto: number): number | undefined {
    const [first, last] = this.options.ports;
    for (let i = 0; i < TRIES; i++) {
      if (this.drawn.length < 4) {
        this.drawn = createHmac('sha256', this.options.seed)
          .update(String(this.draws++))
          .digest();
      }
      const port = first + (this.drawn.readUInt32LE() % (last - first + 1));
      this.drawn = this.drawn.subarray(4);
      if (!this.taken.has((proto << 16) | port)) return port;
    }
    return undefined;
  }

  /** Forgets mappings that have been quiet for too long. */
  sweep(now: number): void {
    const { tcp, transitory, udp, icmp } = this.options.timeouts;
    for (const mapping of this.all.values()) {
      const isTcp = mapping.proto === PROTOCOL.tcp;
      const timeout = isTcp
        ? mapping.open && !mapping.closed
          ? tcp
          : transitory
        : mapping.proto === PROTOCOL.udp
          ? udp
          : icmp;
      if (now - mapping.active < timeout) continue;
      this.table.remove(mapping.slot);
      this.all.delete(mapping.slot);
      this.taken.delete((mapping.proto << 16) | mapping.outer);
    }
  }
}
