import { ROWS } from './columns.js';

/** Keys: two for each row. Places for them: a power of two, and so many more that few share one. */
const KEYS = 2 * ROWS;
const PLACES = 4 * KEYS;

/**
 * Keys of three words that were seen in one turn, each with a number from 0 on: for what is not worth an entry in a table
 * before the turn is over.
 */
export class TurnKeys {
  /** Word i of the key of number n is words[3 * n + i]. */
  readonly words = new Uint32Array(3 * KEYS);
  count = 0;
  private readonly seed: number;
  /** Numbers of keys by place; those of other turns are told by the turn. */
  private readonly places = new Uint16Array(PLACES);
  private readonly turns = new Uint32Array(PLACES);
  private turn = 1;

  /** @param seed bytes that make it unpredictable which keys share a place */
  constructor(seed: Uint8Array) {
    this.seed = new DataView(seed.buffer, seed.byteOffset).getInt32(0, true);
  }

  /** The number of a key; -1 if it has none. */
  find(a: number, b: number, c: number): number {
    const place = this.place(a, b, c);
    return this.turns[place] === this.turn ? this.places[place]! : -1;
  }

  /** Gives a key that has no number the next one; -1 if there is no room. */
  add(a: number, b: number, c: number): number {
    if (this.count === KEYS) return -1;
    const place = this.place(a, b, c);
    const number = this.count++;
    this.turns[place] = this.turn;
    this.places[place] = number;
    this.words[3 * number] = a;
    this.words[3 * number + 1] = b;
    this.words[3 * number + 2] = c;
    return number;
  }

  /** Where a key is, or would be. */
  private place(a: number, b: number, c: number): number {
    const { words, places, turns, turn } = this;
    let hash = Math.imul(a ^ this.seed, 0x85ebca6b);
    hash = Math.imul(hash ^ (hash >>> 15) ^ b, 0xc2b2ae35);
    hash = Math.imul(hash ^ (hash >>> 13) ^ c, 0x27d4eb2f);
    for (let place = (hash ^ (hash >>> 16)) & (PLACES - 1); ; place = (place + 1) & (PLACES - 1)) {
      if (turns[place] !== turn) return place;
      const at = 3 * places[place]!;
      if (words[at] === a && words[at + 1] === b && words[at + 2] === c) return place;
    }
  }

  /** Begins another turn. */
  clear(): void {
    this.count = 0;
    this.turn = (this.turn + 1) >>> 0;
    if (this.turn > 0) return;
    this.turns.fill(0);
    this.turn = 1;
  }
}
