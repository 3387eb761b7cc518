import type { Batch } from '../packet/batch.js';
import type { Drop } from './element.js';

/** Passes on the rows for which a column is not 0, and drops the others. */
export function passMarked(column: Uint16Array | Uint32Array, { rows, count }: Batch, drop: Drop, out: Batch): void {
  for (let i = 0; i < count; i++) {
    const row = rows[i]!;
    if (column[row] === 0) drop.add(row);
    else out.add(row);
  }
}
