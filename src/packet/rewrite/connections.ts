import type { Packets } from '../packets.js';
import { Table } from '../table.js';
import type { Sender } from './tcp.js';

/** A TCP connection of which something is rewritten. */
export interface Connection {
  readonly universe: number;
  readonly slot: number;
  /** By end: the lower one is 0. Undefined if nothing is replaced in what it sends. */
  readonly senders: [Sender | undefined, Sender | undefined];
  /** When a packet of it came last. */
  active: number;
  /** Whether it was open before anything in it was to be replaced. */
  midway: boolean;
  /** Whether an end that is not rewritten has said that it is over. */
  over: boolean;
}

const WORDS = 4;

/** Rewritten connections by universe, addresses and ports: bounded, and forgotten when they are quiet. */
export class Connections {
  private readonly table: Table;
  private readonly all = new Map<number, Connection>();

  constructor(capacity: number, seed: Uint8Array) {
    this.table = new Table({ keyWords: WORDS, valueWords: 0, capacity, seed });
  }

  get size(): number {
    return this.all.size;
  }

  [Symbol.iterator](): IterableIterator<Connection> {
    return this.all.values();
  }

  /** Which end of its connection a packet comes from, going by its addresses and ports. */
  static end(src: number, sport: number, dst: number, dport: number): 0 | 1 {
    return src < dst || (src === dst && sport <= dport) ? 0 : 1;
  }

  /** Writes the key of a connection at place i of the batch that is looked up next. */
  key(i: number, universe: number, src: number, sport: number, dst: number, dport: number): void {
    const { keys } = this.table;
    const low = Connections.end(src, sport, dst, dport) === 0;
    keys[WORDS * i] = universe;
    keys[WORDS * i + 1] = low ? src : dst;
    keys[WORDS * i + 2] = low ? dst : src;
    keys[WORDS * i + 3] = low ? (sport << 16) | dport : (dport << 16) | sport;
  }

  /** Looks up the first n keys. What is at place i, `found(i)` says, until the next call. */
  look(n: number): void {
    this.table.lookup(n);
  }

  found(i: number): Connection | undefined {
    return this.all.get(this.table.slots[i]!);
  }

  /** The connection of a row, which may be new. @returns undefined if there are as many as may be */
  open({ universe, src, sport, dst, dport }: Packets, row: number, now: number): Connection | undefined {
    this.key(0, universe[row]!, src[row]!, sport[row]!, dst[row]!, dport[row]!);
    this.table.upsert(1, 0);
    const slot = this.table.slots[0]!;
    if (slot < 0) return undefined;
    const known = this.all.get(slot);
    if (known) return known;
    const connection: Connection = {
      universe: universe[row]!,
      slot,
      senders: [undefined, undefined],
      active: now,
      midway: false,
      over: false,
    };
    this.all.set(slot, connection);
    return connection;
  }

  remove(connection: Connection): void {
    for (const sender of connection.senders) sender?.stream.clear();
    this.table.remove(connection.slot);
    this.all.delete(connection.slot);
  }
}
