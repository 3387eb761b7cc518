import { Table } from '../../packet/table.js';
import type { Meter } from './meter.js';

/** Who a key stands for, as far as it matters: nothing is counted for one that is gone. */
export interface Owner {
  readonly state: string;
}

/** The keys of one level, each with a slot. Bounded; who finds no room has no quota left. */
export interface Ledger {
  /** The meters of this level; a slot that gets another key is cleared in each. */
  meters: readonly Meter[];
  /** Keys that have a slot now. */
  readonly size: number;
  /** The slot of a key, -1 if there is no room. */
  slot(key: number, now: number, owner?: Owner): number;
  /** Gives up what is not needed any more. */
  sweep(now: number): void;
}

/** The farm as a whole is one key. */
export class OneLedger implements Ledger {
  meters: readonly Meter[] = [];
  readonly size = 1;

  slot(): number {
    return 0;
  }

  sweep(): void {}
}

/** Keys that a ledger finds at once. */
const RECENT = 4096;

/** For keys that we give ourselves: clones and universes. */
export class NumberLedger implements Ledger {
  meters: readonly Meter[] = [];
  private readonly capacity: number;
  private readonly slots = new Map<number, number>();
  /** Of the keys that were last asked for, by their lowest bits: each with its slot + 1, or 0 if there is none. */
  private readonly recent = new Uint32Array(2 * RECENT);
  private readonly owners: (Owner | undefined)[] = [];
  private readonly free: number[] = [];
  private sweptFull = Number.NEGATIVE_INFINITY;

  constructor(capacity: number) {
    this.capacity = capacity;
  }

  get size(): number {
    return this.slots.size;
  }

  slot(key: number, now: number, owner?: Owner): number {
    const { recent } = this;
    const at = 2 * (key & (RECENT - 1));
    if (recent[at] === key && recent[at + 1] !== 0) return recent[at + 1]! - 1;
    const slot = this.slots.get(key) ?? this.give(key, now, owner);
    recent[at] = key;
    recent[at + 1] = slot + 1;
    return slot;
  }

  private give(key: number, now: number, owner: Owner | undefined): number {
    if (this.slots.size >= this.capacity && now - this.sweptFull >= 1) {
      this.sweptFull = now;
      this.sweep(now);
    }
    if (this.slots.size >= this.capacity) return -1;
    const slot = this.free.pop() ?? this.slots.size;
    for (const meter of this.meters) meter.clear(slot);
    this.slots.set(key, slot);
    this.owners[slot] = owner;
    return slot;
  }

  release(key: number): void {
    const slot = this.slots.get(key);
    if (slot === undefined) return;
    this.slots.delete(key);
    this.recent[2 * (key & (RECENT - 1)) + 1] = 0;
    this.owners[slot] = undefined;
    // Sets of destinations go at once, and not when somebody needs the slot.
    for (const meter of this.meters) meter.clear(slot);
    this.free.push(slot);
  }

  sweep(now: number): void {
    for (const [key, slot] of this.slots) {
      const gone = this.owners[slot]?.state === 'gone';
      if (gone || this.meters.every((meter) => meter.count(slot, now) === 0)) this.release(key);
    }
  }
}

/** For keys that strangers choose: addresses. */
export class AddressLedger implements Ledger {
  meters: readonly Meter[] = [];
  private readonly table: Table;

  /** @param timeout seconds after which nothing that was counted matters */
  constructor(capacity: number, timeout: number, seed: Uint8Array) {
    this.table = new Table({ keyWords: 1, valueWords: 0, capacity, timeout: Math.ceil(timeout) + 1, seed });
  }

  get size(): number {
    return this.table.size;
  }

  slot(key: number, now: number): number {
    this.table.keys[0] = key;
    return this.many(1, now)[0]!;
  }

  /** Where many() looks for keys, and where it puts their slots. */
  get keys(): Uint32Array {
    return this.table.keys;
  }

  get slots(): Int32Array {
    return this.table.slots;
  }

  /** The slots of the first n of `keys`, in one call. They are good until the next. */
  many(n: number, now: number): Int32Array {
    const { table } = this;
    const fresh = table.upsert(n, Math.floor(now) >>> 0);
    for (let i = 0; fresh > 0 && i < n; i++) {
      if (table.fresh[i]) for (const meter of this.meters) meter.clear(table.slots[i]!);
    }
    return table.slots;
  }

  sweep(now: number): void {
    this.table.sweepSome(Math.floor(now) >>> 0);
  }
}
