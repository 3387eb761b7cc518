import { native } from '../native/addon.js';
import type { Batch } from './batch.js';
import { ROWS } from './columns.js';
import type { Packets } from './packets.js';
import type { Table } from './table.js';

/** What a key has of a packet: all of it and its flow, its source and target, or its source alone. */
export const KEY_BY = { packet: 0, pair: 1, source: 2 } as const;

/** The third word of the key of those that share a universe, signed. No flow has this number. */
export const SHARED = -1;

/** Places of the hash table, and words that each part has to spare: see native/universe_keys.h. */
const PLACES = 2 * ROWS;
const SPARE = 16;

/** What stands in the place of a number where there is none. No universe is promised to it. */
export const NONE = ROWS;

/**
 * What shares a universe: the keys of packets that open a flow from outside. A key of three words that no universe has yet gets a
 * number from 0 on, which is good for one turn: most of them are not worth an entry in a table. There are at most as many as rows.
 */
export class UniverseKeys {
  /** The memory that all of it lies in. */
  readonly bytes: Uint8Array;
  /** Word i of the key of number n is words[3 * n + i]. Signed, since a greater number could become an object. */
  readonly words: Int32Array;
  /** By number the universe that a key was promised, and by what root packet: its addresses. 0 where nobody has said so. */
  readonly ids: Uint32Array;
  readonly sources: Uint32Array;
  readonly targets: Uint32Array;
  /** To be written before read(): 1 for each row of the batch whose source is one of those that share a universe, else 0. */
  readonly shared: Uint8Array;
  /** Result of read(): for each row of the batch that has no universe its key's number; NONE if there was no room for it. */
  readonly numbers: Uint16Array;
  readonly #count: Uint32Array;
  readonly #by: number;

  /** @param by one of KEY_BY */
  constructor(by: number) {
    let at = 4;
    const part = (width: number, entries: number) => {
      const from = at;
      at += width * entries;
      return from;
    };
    const words = part(4, 3 * ROWS + SPARE);
    const [ids, sources, targets] = [part(4, ROWS + SPARE), part(4, ROWS + SPARE), part(4, ROWS + SPARE)];
    const numbers = part(2, ROWS + 2 * SPARE);
    part(2, PLACES + 2 * SPARE);
    const shared = part(1, ROWS);
    const buffer = new ArrayBuffer(at);
    this.bytes = new Uint8Array(buffer);
    this.#count = new Uint32Array(buffer, 0, 1);
    this.words = new Int32Array(buffer, words, 3 * ROWS);
    this.ids = new Uint32Array(buffer, ids, NONE + 1);
    this.sources = new Uint32Array(buffer, sources, ROWS);
    this.targets = new Uint32Array(buffer, targets, ROWS);
    this.numbers = new Uint16Array(buffer, numbers, ROWS);
    this.shared = new Uint8Array(buffer, shared, ROWS);
    this.#by = by;
  }

  /** Keys of this turn. */
  get count(): number {
    return this.#count[0]!;
  }

  /**
   * Gives packets whose parse columns and flows are filled in their universe, if the table has their key. The universe of the others
   * becomes 0, and their keys get numbers.
   *
   * @param universes a table with keys of three words; the first of an entry's value is the number of its universe
   */
  read(packets: Packets, { rows, count }: Batch, universes: Table): void {
    native.universeKeysRead(this.bytes, universes.memory, packets.bytes, rows, count, this.#by);
  }

  /** Begins another turn. */
  clear(): void {
    this.#count[0] = 0;
  }
}
