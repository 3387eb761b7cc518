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
  private readonly words = new Int32Array(3 * KEYS);
  /** What each key stands for, by its number: for whoever uses the keys. Zero where it is new. */
  readonly values = new Uint32Array(KEYS);
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
