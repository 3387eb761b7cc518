import type { Meter } from './meter.js';

/** Numbers of a meter in a row: when its window ends, and how much was counted in it. */
export const PAIR = 2;

/** Rows for which there is room at first. */
const FIRST = 16;

/** What is counted for the keys of one level: a row for each slot, in it a pair of numbers for each meter. */
export class Tallies {
  values = new Float64Array();
  /** Numbers of a row. */
  width = 0;
  private meters: readonly Meter[] = [];

  /** From now on these meters count here. Those that did before go on from where they are. */
  install(meters: readonly Meter[]): void {
    const { values, width } = this;
    const before = new Map(this.meters.map((meter, i) => [meter, PAIR * i]));
    const rows = Math.max(FIRST, width > 0 ? values.length / width : 0);
    this.meters = meters;
    this.width = PAIR * meters.length;
    this.values = new Float64Array(rows * this.width);
    for (const [i, meter] of meters.entries()) {
      meter.moveTo(this, PAIR * i);
      const from = before.get(meter);
      if (from === undefined) continue;
      for (let row = 0; row < values.length / width; row++) {
        const at = row * width + from;
        this.values.set(values.subarray(at, at + PAIR), row * this.width + PAIR * i);
      }
    }
  }

  /** The meters as native.tally() wants them. */
  describe(meters: readonly Meter[]): Float64Array {
    return Float64Array.from(
      meters.flatMap(({ column, countsBytes, seconds, most }) => [column, Number(countsBytes), seconds, most]),
    );
  }

  /** Makes room for the row of a slot. */
  reserve(slot: number): void {
    const needed = (slot + 1) * this.width;
    if (needed <= this.values.length) return;
    const larger = new Float64Array(Math.max(needed, this.values.length * 2));
    larger.set(this.values);
    this.values = larger;
  }
}
