import type { Prefix } from '../packet/address.js';

/** A prefix, and what its addresses are: a number from 0. */
export interface ValuedPrefix extends Prefix {
  readonly value: number;
}

/** Addresses that have their upper half in common, and how many upper halves there are. */
const BLOCK = 0x10000;
const END = 2 ** 32;

/**
 * What an address is by the longest of many prefixes that holds it. Prefixes are laid out as ranges in order, cut where the upper
 * half of the address changes. That half says what its addresses are, if they are all the same, or where its ranges are; and of the
 * lower half two bytes a range are enough to find the right one (Zec, Rizzo and Mikuc, DXR: Towards a Billion Routing Lookups per
 * Second in Software, CCR 2012). So memory is 256 KB and at most 24 bytes a prefix, and no way to write a map makes a search of
 * more than 16 steps.
 */
export class LongestPrefix {
  /** For each upper half what all its addresses are, as -2 less that; or where its ranges are, from 0 on. */
  private readonly index = new Int32Array(BLOCK);
  /**
   * Of each range the lower half of its first address, and what its addresses are: -1 if no prefix holds them. The first range of an
   * upper half begins at 0, so that there it is how many others follow it.
   */
  private readonly starts: Uint16Array;
  private readonly values: Int32Array;

  /** @param prefixes each of them once, in any order */
  constructor(prefixes: readonly ValuedPrefix[]) {
    const ranges = new Ranges(2 * prefixes.length + 1);
    fill(ranges, prefixes);
    const starts = new Uint16Array(2 * ranges.count);
    const values = new Int32Array(2 * ranges.count);
    let count = 0;
    for (let half = 0, range = 0; half < BLOCK; half++) {
      const first = half * BLOCK;
      // The range that holds the first address has begun before, unless it begins right there.
      if (ranges.startOf(range + 1) === first) range++;
      if (ranges.startOf(range + 1) >= first + BLOCK) {
        this.index[half] = -2 - ranges.values[range]!;
        continue;
      }
      const at = count;
      this.index[half] = at;
      values[count++] = ranges.values[range]!;
      while (ranges.startOf(range + 1) < first + BLOCK) {
        range++;
        starts[count] = ranges.starts[range]! - first;
        values[count++] = ranges.values[range]!;
      }
      starts[at] = count - at - 1;
    }
    this.starts = starts.slice(0, count);
    this.values = values.slice(0, count);
  }

  /** What an address is, -1 if no prefix holds it. A signed number is the same address, and is never an object. */
  find(address: number): number {
    const held = this.index[address >>> 16]!;
    return held < 0 ? -2 - held : this.search(held, address & 0xffff);
  }

  /**
   * What the addresses of a batch are. No search is in the loop, which V8 then compiles much better; most maps cut few upper halves.
   *
   * @param addresses by row
   * @param rows those of the batch, of which the first n count
   * @param results gets what find() would give, in the places of the rows
   */
  findAll(addresses: Uint32Array, rows: Uint16Array, n: number, results: Int32Array): void {
    const { index } = this;
    let whole = -1;
    for (let i = 0; i < n; i++) {
      const held = index[addresses[rows[i]!]! >>> 16]!;
      results[i] = -2 - held;
      whole &= held;
    }
    if (whole >= 0) this.searchAll(addresses, rows, n, results);
  }

  /** Finds those whose upper half has ranges: their results are below -1. */
  private searchAll(addresses: Uint32Array, rows: Uint16Array, n: number, results: Int32Array): void {
    for (let i = 0; i < n; i++) {
      const found = results[i]!;
      if (found < -1) results[i] = this.search(-2 - found, addresses[rows[i]!]! & 0xffff);
    }
  }

  /** @param first of the ranges of an upper half */
  private search(first: number, rest: number): number {
    const { starts } = this;
    let at = first;
    for (let many = starts[first]! + 1; many > 1; ) {
      const some = many >>> 1;
      // The difference, if negative, becomes all ones. A branch would go either way, and nothing could foresee which.
      at += some & ((starts[at + some]! - rest - 1) >> 31);
      many -= some;
    }
    return this.values[at]!;
  }
}

/** All addresses in order, as ranges whose neighbours differ. */
class Ranges {
  readonly starts: Uint32Array;
  readonly values: Int32Array;
  count = 0;

  constructor(most: number) {
    this.starts = new Uint32Array(most);
    this.values = new Int32Array(most);
  }

  /** The next range begins, unless nothing changes; or at the same address, and there is nothing of the last one. */
  begin(start: number, value: number): void {
    if (this.count > 0 && this.starts[this.count - 1] === start) this.count--;
    if (this.count > 0 && this.values[this.count - 1] === value) return;
    this.starts[this.count] = start;
    this.values[this.count++] = value;
  }

  startOf(range: number): number {
    return range < this.count ? this.starts[range]! : END;
  }
}

function fill(ranges: Ranges, prefixes: readonly ValuedPrefix[]): void {
  /** Prefixes that hold the address at hand, the longest last. */
  const open: ValuedPrefix[] = [];
  const closeUpTo = (address: number) => {
    while (open.length > 0) {
      const end = endOf(open[open.length - 1]!);
      if (end > address) return;
      open.pop();
      if (end < END) ranges.begin(end, open[open.length - 1]?.value ?? -1);
    }
  };
  ranges.begin(0, -1);
  for (const prefix of [...prefixes].sort((a, b) => a.address - b.address || a.length - b.length)) {
    closeUpTo(prefix.address);
    ranges.begin(prefix.address, prefix.value);
    open.push(prefix);
  }
  closeUpTo(END);
}

/** The first address behind a prefix. */
const endOf = ({ address, length }: Prefix): number => address + 2 ** (32 - length);
