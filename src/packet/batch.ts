import { ROWS } from './columns.js';

/** A list of row numbers of one packet table. It never holds a row twice, so ROWS entries always suffice. */
export class Batch {
  /** Only moveAll() puts another list in its place. */
  rows: Uint16Array = new Uint16Array(ROWS);
  count = 0;
  /** The first `summed` rows have `sum` bytes in all. Who hands a whole list on may know that. */
  summed = 0;
  sum = 0;

  add(row: number): void {
    this.rows[this.count++] = row;
  }

  /** Adds all rows of another batch. */
  addAll(other: Batch): void {
    const { rows, count } = this;
    const { rows: more, count: added } = other;
    for (let i = 0; i < added; i++) rows[count + i] = more[i]!;
    this.count = count + added;
  }

  /**
   * Adds all rows of another batch, which has none afterwards. Two lists change places where that does.
   * @param bytes those of all its packets, if they are known
   */
  moveAll(other: Batch, bytes?: number): void {
    if (this.count > 0) this.addAll(other);
    else {
      const { rows } = this;
      this.rows = other.rows;
      other.rows = rows;
      this.count = other.count;
      if (bytes !== undefined) {
        this.summed = other.count;
        this.sum = bytes;
      }
    }
    other.clear();
  }

  /** Adds rows that follow each other. */
  addRange(first: number, added: number): void {
    const { rows, count } = this;
    for (let i = 0; i < added; i++) rows[count + i] = first + i;
    this.count = count + added;
  }

  clear(): void {
    this.count = this.summed = this.sum = 0;
  }
}

/** Whether the first `count` results, if any, are the same. */
export function alike(results: Uint8Array | Uint16Array, count: number): boolean {
  const first = results[0];
  for (let i = 1; i < count; i++) if (results[i] !== first) return false;
  return true;
}

/**
 * Reorders the first count rows of a list: first those that are accepted, in their order, then the others, in any.
 * @returns the number accepted.
 */
export function partition(rows: Uint16Array, count: number, accept: (row: number) => boolean): number {
  let accepted = 0;
  for (let i = 0; i < count; i++) {
    const row = rows[i]!;
    if (!accept(row)) continue;
    // From there to here all were refused.
    rows[i] = rows[accepted]!;
    rows[accepted++] = row;
  }
  return accepted;
}
