import { ROWS } from './columns.js';

/** Keys: two for each row. Places for them: a power of two, twice as many. */
const KEYS = 2 * ROWS;
const PLACES = 2 * KEYS;
/** A place holds the turn and, in its low bits, the number of a key. It is never negative. */
const NUMBER = KEYS - 1;
const TURNS = 2 ** 31 / KEYS;

/**
 * Keys of three words that were seen in one turn, each with a number from 0 on: for what is not worth an entry in a table
 * before the turn is over. Words are signed, since a greater number could become an object.
 */
export class TurnKeys {
  /** Word i of the key of number n is words[3 * n + i]. */
  readonly words = new Int32Array(3 * KEYS);
  /** What each key stands for, by its number: for whoever uses the keys. Zero where it is new. */
  readonly values = new Uint32Array(KEYS);
  /** The row that had each key first, by its number, if number() has seen it. */
  readonly rows = new Uint16Array(KEYS);
  /** Result i of number(): the number of key i, -1 if there was no room for it. */
  readonly numbers = new Int32Array(ROWS);
  count = 0;
  private readonly seed: number;
  /** Keys by place: turn * KEYS + number. What is of other turns is as good as free. */
  private readonly places = new Int32Array(PLACES);
  private turn = 1;

  /** @param seed bytes that make it unpredictable which keys share a place */
  constructor(seed: Uint8Array) {
    this.seed = new DataView(seed.buffer, seed.byteOffset).getInt32(0, true);
  }

  /** The number of a key; -1 if it has none. */
  find(a: number, b: number, c: number): number {
    return this.numberAt(this.place(a, b, c));
  }

  /** The number of a key, which is the next one if it had none; -1 if there is no room. */
  add(a: number, b: number, c: number): number {
    const place = this.place(a, b, c);
    const known = this.numberAt(place);
    if (known >= 0) return known;
    if (this.count === KEYS) return -1;
    const number = this.count++;
    const { words } = this;
    this.places[place] = this.turn * KEYS + number;
    words[3 * number] = a;
    words[3 * number + 1] = b;
    words[3 * number + 2] = c;
    this.values[number] = 0;
    return number;
  }

  /**
   * Finds or adds the keys of a batch, and writes their numbers.
   *
   * @param rows those of the batch, of which the first n count
   * @param keys three words for each row
   * @param slots for each row -1, or another number if its key is not wanted
   */
  number(rows: Uint16Array, n: number, keys: Int32Array, slots: Int32Array): void {
    const { numbers } = this;
    for (let i = 0; i < n; i++) {
      if (slots[i]! >= 0) continue;
      const before = this.count;
      const number = this.add(keys[3 * i]!, keys[3 * i + 1]!, keys[3 * i + 2]!);
      numbers[i] = number;
      if (number === before) this.rows[number] = rows[i]!;
    }
  }

  /** Begins another turn. */
  clear(): void {
    this.count = 0;
    if (++this.turn < TURNS) return;
    this.places.fill(0);
    this.turn = 1;
  }

  /** Where a key is, or would be until another one is added. */
  private place(a: number, b: number, c: number): number {
    const { words, places } = this;
    const turn = this.turn * KEYS;
    let hash = Math.imul(a ^ this.seed, 0x85ebca6b);
    hash = Math.imul(hash ^ (hash >>> 15) ^ b, 0xc2b2ae35);
    hash = Math.imul(hash ^ (hash >>> 13) ^ c, 0x27d4eb2f);
    for (let place = (hash ^ (hash >>> 16)) & (PLACES - 1); ; place = (place + 1) & (PLACES - 1)) {
      const held = places[place]!;
      if ((held & ~NUMBER) !== turn) return place;
      const at = 3 * (held & NUMBER);
      if (words[at] === a && words[at + 1] === b && words[at + 2] === c) return place;
    }
  }

  /** The number of the key at a place; -1 if there is none. */
  private numberAt(place: number): number {
    const held = this.places[place]!;
    const turn = this.turn * KEYS;
    return (held & ~NUMBER) === turn ? held & NUMBER : -1;
  }
}
