import { Batch } from '../../packet/batch.js';
import type { Meter } from './meter.js';

/** Lists of meters that a batch is told apart by. More are rare, and then the rows of the others are counted one by one. */
const MOST = 16;

/** The rows of a batch that are counted by the same meters, list by list. */
export class Payments {
  size = 0;
  readonly meters: (readonly Meter[])[] = [];
  readonly batches = Array.from({ length: MOST }, () => new Batch());
  /** Of the list that the last row was for. */
  private last = 0;

  clear(): void {
    this.size = this.last = 0;
  }

  /** Notes a row, if there is a meter for it and room for the list. */
  add(meters: readonly Meter[], row: number): void {
    // Rows that follow each other are often alike.
    if (this.last < this.size && this.meters[this.last] === meters) this.batches[this.last]!.add(row);
    else if (meters.length > 0) this.addAnew(meters, row);
  }

  private addAnew(meters: readonly Meter[], row: number): void {
    let place = 0;
    while (place < this.size && this.meters[place] !== meters) place++;
    if (place === MOST) return;
    this.last = place;
    const batch = this.batches[place]!;
    if (place === this.size) {
      this.meters[this.size++] = meters;
      batch.clear();
    }
    batch.add(row);
  }
}
