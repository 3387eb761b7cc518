/** One string to be replaced by another. */
export interface Pair {
  readonly from: Uint8Array;
  /** May be empty, and of another length. */
  readonly to: Uint8Array;
}

/** The longest string that is looked for, or put in its place, and the most pairs. */
export const LONGEST = 64;
export const MOST_PAIRS = 16;

/**
 * Strings that are replaced by others: the leftmost match first, and of those that begin at the same place the one listed
 * first. What was replaced is not looked at again, so no match reaches across it.
 */
export class Substitution {
  readonly pairs: readonly Pair[];
  /** Pairs as they are written. */
  readonly text: string;
  /** By byte: the numbers of the pairs that begin with it. */
  private readonly beginning: (readonly number[] | undefined)[] = new Array(256).fill(undefined);

  constructor(pairs: readonly Pair[], text: string) {
    this.pairs = pairs;
    this.text = text;
    for (const [number, { from }] of pairs.entries()) {
      const first = from[0]!;
      this.beginning[first] = [...(this.beginning[first] ?? []), number];
    }
  }

  /**
   * What is at a place of some bytes: the number of the pair that matches, NONE, or OPEN if that depends on bytes that follow.
   * It costs at most LONGEST comparisons a pair, and one for nearly every byte.
   * @param last whether no bytes follow
   */
  at(bytes: Uint8Array, place: number, end: number, last: boolean): number {
    const numbers = this.beginning[bytes[place]!];
    if (numbers === undefined) return NONE;
    for (let i = 0; i < numbers.length; i++) {
      const { from } = this.pairs[numbers[i]!]!;
      const length = Math.min(from.length, end - place);
      let same = 1;
      while (same < length && bytes[place + same] === from[same]) same++;
      if (same < length) continue;
      if (same === from.length) return numbers[i]!;
      if (!last) return OPEN;
    }
    return NONE;
  }

  /** The whole of something with all matches replaced. */
  apply(bytes: Uint8Array): Buffer {
    const parts: Uint8Array[] = [];
    let [copied, place] = [0, 0];
    while (place < bytes.length) {
      const found = this.at(bytes, place, bytes.length, true);
      if (found < 0) {
        place++;
        continue;
      }
      const { from, to } = this.pairs[found]!;
      parts.push(bytes.subarray(copied, place), to);
      place += from.length;
      copied = place;
    }
    return Buffer.concat([...parts, bytes.subarray(copied)]);
  }

  /** How many matches there are. */
  count(bytes: Uint8Array): number {
    let count = 0;
    for (let place = 0; place < bytes.length; ) {
      const found = this.at(bytes, place, bytes.length, true);
      if (found >= 0) count++;
      place += found < 0 ? 1 : this.pairs[found]!.from.length;
    }
    return count;
  }
}

export const NONE = -1;
export const OPEN = -2;
