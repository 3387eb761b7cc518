import { randomBytes } from 'node:crypto';
import { native } from '../native/addon.js';
import { ROWS } from './columns.js';

/** Calls of `sweepSome` that sweep the whole table. */
export const PASSES = 16;

/** A timeout after which nothing expires. */
export const NEVER = 0xffffffff;

/** Places of a bucket: see native/table_bucket.h. */
const WAYS = 14;

/** Words of the header in native/table.h that are read here. */
const HEADER = { keyWords: 1, valueWords: 2, capacity: 3, buckets: 4, controlAt: 5, entriesLine: 6, live: 8 } as const;
/** Counters of 64 bits, by number of their low word. */
const COUNTER = { refused: 20, forgotten: 22, expired: 24 } as const;

export interface TableOptions {
  /** Words of 32 bits that make a key, 1 to 8. */
  keyWords: number;
  /** Words of an entry's value, 0 to 64. */
  valueWords: number;
  /** The most entries, 1 to 2^30. */
  capacity: number;
  /** An entry expires that was last seen longer ago than this, in the units of `now`. Default: never. */
  timeout?: number;
  /**
   * What happens to a new key when the table is full and nothing that expired can be reused: it is refused, or the
   * oldest is forgotten for it. The oldest is that of the next 84 places from where the last look ended, 60 entries on
   * average, not of the whole table; in a table of up to 40 it is the very oldest. Default: refuse.
   */
  full?: 'refuse' | 'forget oldest';
  /** 16 bytes that make hashes unpredictable. Default: random. */
  seed?: Uint8Array;
  /** Keys of the longest batch. Default: as many as a packet table has rows. */
  batch?: number;
  /** Keeps the memory in a SharedArrayBuffer, for use by several threads (see `Table.attach`). */
  shared?: boolean;
}

/**
 * A hash table of fixed-width keys and values with bounded memory, for state that is kept per packet. Work is
 * done in batches, one native call each: write n keys into `keys`, call lookup or upsert, read `slots`.
 *
 * A slot is an entry's number from when it is inserted to when it is removed; `values` and other columns may be
 * indexed with it. The memory is committed by the system as it is touched, not at creation.
 *
 * Times are unsigned 32-bit numbers of any unit; they may wrap, and a clock may step back.
 */
export class Table {
  readonly memory: Uint8Array;
  /** Key i of a batch is written to the `keyWords` words from i * keyWords. */
  readonly keys: Uint32Array;
  /** Result i of a batch: the entry's slot, or -1 (not found, or refused). */
  readonly slots: Int32Array;
  /** Result i of an upsert: 1 if the entry is new. */
  readonly fresh: Uint8Array;
  /** Word i of an entry's value is values[slot * stride + i]. Zero in a new entry. */
  readonly values: Uint32Array;
  readonly stride: number;
  readonly capacity: number;
  readonly keyWords: number;
  readonly timeout: number;
  readonly #forget: boolean;
  readonly #header: Uint32Array;

  /** @throws TypeError or RangeError if an option is out of its range. */
  constructor(options: TableOptions & { memory?: Uint8Array }) {
    const { keyWords, valueWords, capacity, timeout = NEVER, full = 'refuse', batch = ROWS } = options;
    if (options.memory) {
      this.memory = options.memory;
    } else {
      const bytes = native.tableBytes(keyWords, valueWords, capacity);
      this.memory = new Uint8Array(options.shared ? new SharedArrayBuffer(bytes) : new ArrayBuffer(bytes));
      native.tableCreate(this.memory, keyWords, valueWords, capacity, options.seed ?? randomBytes(16));
    }
    const { buffer, byteOffset } = this.memory;
    this.#header = new Uint32Array(buffer, byteOffset, 32);
    this.keyWords = keyWords;
    this.capacity = capacity;
    this.timeout = timeout;
    this.#forget = full === 'forget oldest';
    this.stride = keyWords + 1 + valueWords;
    const entriesAt = this.#header[HEADER.controlAt]! + 64 * this.#header[HEADER.entriesLine]!;
    const entries = byteOffset + entriesAt + 4 * (keyWords + 1);
    this.values = new Uint32Array(buffer, entries, this.places * this.stride - keyWords - 1);
    this.keys = new Uint32Array(batch * keyWords);
    this.slots = new Int32Array(batch);
    this.fresh = new Uint8Array(batch);
  }

  /**
   * A table that another thread made with `shared`. Calls of several threads follow one another; between two calls
   * another thread may remove an entry and give its slot to another key.
   */
  static attach(memory: Uint8Array, options: Pick<TableOptions, 'timeout' | 'full' | 'batch'> = {}): Table {
    native.tableSweep(memory, 0, NEVER, 0); // throws unless it is a table
    const header = new Uint32Array(memory.buffer, memory.byteOffset, 32);
    const shape = {
      keyWords: header[HEADER.keyWords]!,
      valueWords: header[HEADER.valueWords]!,
      capacity: header[HEADER.capacity]!,
    };
    return new Table({ ...shape, ...options, memory });
  }

  /** Looks up the first n of `keys`. @returns how many were found. */
  lookup(n: number, now = 0): number {
    return native.tableLookup(this.memory, this.keys, n, now, this.timeout, this.slots);
  }

  /**
   * Finds or inserts the first n of `keys`, one after the other, and sets their time to now. In a table that forgets
   * its oldest, a later key of the batch may take an earlier one's slot if all around it are of the same time.
   * @returns how many are new.
   */
  upsert(n: number, now: number): number {
    return native.tableUpsert(this.memory, this.keys, n, now, this.timeout, this.#forget, this.slots, this.fresh);
  }

  /** Removes an entry. @returns false if the slot holds none. */
  remove(slot: number): boolean {
    return native.tableRemove(this.memory, slot);
  }

  /** Removes what has expired from the next `budget` buckets, and stops there until the next call. @returns how many. */
  sweep(now: number, budget = this.buckets): number {
    return native.tableSweep(this.memory, now, this.timeout, budget);
  }

  /** Sweeps the next sixteenth of the table: for a call every second, which must not take long. */
  sweepSome(now: number): number {
    return this.size === 0 ? 0 : this.sweep(now, Math.ceil(this.buckets / PASSES));
  }

  /** Entries held now, expired ones that nothing came by yet included. */
  get size(): number {
    return this.#header[HEADER.live]!;
  }

  /** Buckets to sweep. */
  get buckets(): number {
    return this.#header[HEADER.buckets]!;
  }

  /** Slot numbers are below this. */
  get places(): number {
    return this.buckets * WAYS;
  }

  /** Bytes of memory at most, all of it once the table has been full. */
  get bytes(): number {
    return this.memory.byteLength;
  }

  /** New keys refused because the table was full. */
  get refused(): number {
    return this.#counter(COUNTER.refused);
  }

  /** Entries forgotten before their time because the table was full. */
  get forgotten(): number {
    return this.#counter(COUNTER.forgotten);
  }

  /** Entries removed after their time. */
  get expired(): number {
    return this.#counter(COUNTER.expired);
  }

  #counter(word: number): number {
    return this.#header[word]! + this.#header[word + 1]! * 2 ** 32;
  }
}
