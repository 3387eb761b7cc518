import { ROWS } from './columns.js';

/** A list of row numbers of one packet table. It never holds a row twice, so ROWS entries always suffice. */
export class Batch {
  readonly rows = new Uint16Array(ROWS);
  count = 0;

  add(row: number): void {
    this.rows[this.count++] = row;
  }

  /** Adds all rows of another batch. */
  addAll(other: Batch): void {
    const { rows, count } = other;
    for (let i = 0; i < count; i++) this.rows[this.count++] = rows[i]!;
  }

  clear(): void {
    this.count = 0;
  }
}
