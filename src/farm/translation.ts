import { native } from '../native/addon.js';
import { Batch } from '../packet/batch.js';
import { ROWS } from '../packet/columns.js';
import type { Packets } from '../packet/packets.js';
import type { CloneRecord } from './universes.js';

/** Whether a clone has another address inside than the world knows it by. */
export function isTranslated({ address, inside }: CloneRecord): boolean {
  return address !== inside;
}

/**
 * Address translation, one to one, between a clone's address and the one it has inside. Where one of them stands the other
 * comes to stand, in the IPv4 header and in what ICMP errors quote, and the columns stay. Both addresses are exchanged, not
 * only one replaced: a packet from the very address that the clone has inside, which may well exist outside, reaches it
 * as one from its own outer address, and the answer finds its way back.
 */
export class Translation {
  private readonly batch = new Batch();
  private readonly outer = new Uint32Array(ROWS);
  private readonly inner = new Uint32Array(ROWS);

  /** Lists a row, which starts with its IPv4 header. */
  add(clone: CloneRecord, row: number): void {
    const { count } = this.batch;
    this.outer[count] = clone.address;
    this.inner[count] = clone.inside;
    this.batch.add(row);
  }

  /** Translates the rows that were listed. Writes `fault`; faulty rows are not changed. */
  run({ bytes }: Packets): void {
    const { rows, count } = this.batch;
    if (count > 0) native.ipTranslate(bytes, rows, count, this.outer, this.inner);
    this.batch.clear();
  }
}
