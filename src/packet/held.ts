import { native } from '../native/addon.js';
import type { Batch } from './batch.js';
import { COLUMNS, type ColumnName, SLOT } from './columns.js';
import type { Packets } from './packets.js';

/** How much may be held: both limits count at once. */
export interface HeldLimits {
  readonly packets: number;
  /** Bytes of the packets themselves, without the facts kept about each (about 100 bytes more). */
  readonly bytes?: number;
}

const NAMES = Object.keys(COLUMNS) as ColumnName[];

/** Words kept for a packet: its columns, of which `start` counts from its slot. See native/held.h. */
const WORDS = NAMES.length;

const [SEC, NSEC] = [NAMES.indexOf('sec'), NAMES.indexOf('nsec')];
const [START, LENGTH] = [NAMES.indexOf('start'), NAMES.indexOf('length')];

/** Packets and bytes for which there is room at first. */
const FIRST_PACKETS = 4;
const FIRST_BYTES = 512;

/**
 * Packets that wait for a later turn, first in, first out: copies of their bytes and of all their columns.
 * Rows live one turn, so whoever needs a packet longer puts it here. Memory grows by doubling up to the limits and
 * is then used again, so holding costs no allocation per packet.
 */
export class HeldPackets {
  limits!: Required<HeldLimits>;
  /** Packets held now, and their bytes. */
  count = 0;
  bytes = 0;
  private words = new Uint32Array(0);
  private data = new Uint8Array(0);
  /** Number of the oldest packet in `words`, and place of its first byte in `data`. Both rings wrap around. */
  private head = 0;
  private dataHead = 0;
  private columns: (Uint8Array | Uint16Array | Uint32Array)[] = [];
  private columnsOf: Packets | undefined;

  constructor(limits: HeldLimits) {
    this.limit(limits);
  }

  /** Sets other limits. What is held already stays. */
  limit({ packets, bytes = packets * SLOT }: HeldLimits): void {
    this.limits = { packets, bytes };
  }

  /** Copies a row in behind the others. Returns false, and holds nothing, if a limit would be passed. */
  push(packets: Packets, row: number): boolean {
    const length = packets.length[row]!;
    if (this.count >= this.limits.packets || this.bytes + length > this.limits.bytes) return false;
    if ((this.count + 1) * WORDS > this.words.length) this.growWords(this.count + 1);
    if (this.bytes + length > this.data.length) this.growData(this.bytes + length);

    const { words, data } = this;
    const columns = this.columnsFor(packets);
    const at = this.wordsAt(this.count);
    const start = packets.start[row]!;
    for (let i = 0; i < columns.length; i++) words[at + i] = columns[i]![row]!;
    words[at + START] = start - packets.slot(row);

    let to = this.dataHead + this.bytes;
    if (to >= data.length) to -= data.length;
    const from = packets.bytes;
    for (let i = start; i < start + length; i++) {
      data[to] = from[i]!;
      if (++to === data.length) to = 0;
    }
    this.count++;
    this.bytes += length;
    return true;
  }

  /**
   * Copies all rows of a batch in behind the others, in one native call if there is room for all.
   * @param refused gets those that would pass a limit
   * @returns how many are held
   */
  pushAll(packets: Packets, batch: Batch, refused: { add(row: number): void }): number {
    const { rows, count } = batch;
    if (count === 0) return 0;
    const packetsAfter = this.count + count;
    const bytesAfter = this.bytes + packets.lengthOf(batch);
    if (packetsAfter > this.limits.packets || bytesAfter > this.limits.bytes) {
      const before = this.count;
      for (let i = 0; i < count; i++) if (!this.push(packets, rows[i]!)) refused.add(rows[i]!);
      return this.count - before;
    }
    if (packetsAfter * WORDS > this.words.length) this.growWords(packetsAfter);
    if (bytesAfter > this.data.length) this.growData(bytesAfter);
    const { words, data, head, dataHead } = this;
    this.bytes += native.heldPush(packets.bytes, rows, count, words, data, head, this.count, dataHead, this.bytes);
    this.count = packetsAfter;
    return count;
  }

  /**
   * Gives the oldest packets back, in rows taken from the table and added to a batch, in one native call.
   * @param max how many at most; fewer if fewer are held, or the table has fewer free rows
   * @returns how many
   */
  popAll(packets: Packets, max: number, out: Batch): number {
    const count = Math.min(max, this.count, packets.free);
    if (count <= 0) return 0;
    const { words, data, head, dataHead } = this;
    const first = packets.used;
    const bytes = native.heldPop(packets.bytes, first, count, words, data, head, this.count, dataHead, this.bytes);
    packets.used += count;
    out.addRange(first, count);
    this.head = (head + count) % (words.length / WORDS);
    if (data.length > 0) this.dataHead = (dataHead + bytes) % data.length;
    this.count -= count;
    this.bytes -= bytes;
    return count;
  }

  /**
   * Gives the oldest packet back in a row taken from the table.
   * @returns the row, or -1 if none is held or the table has no free row.
   */
  pop(packets: Packets): number {
    if (this.count === 0) return -1;
    const row = packets.take();
    if (row === -1) return -1;
    const { words, data } = this;
    const columns = this.columnsFor(packets);
    const at = this.wordsAt(0);
    const start = packets.slot(row) + words[at + START]!;
    const length = words[at + LENGTH]!;
    for (let i = 0; i < columns.length; i++) columns[i]![row] = words[at + i]!;
    packets.start[row] = start;

    let from = this.dataHead;
    const to = packets.bytes;
    for (let i = start; i < start + length; i++) {
      to[i] = data[from]!;
      if (++from === data.length) from = 0;
    }
    this.dropOldest();
    return row;
  }

  /** Forgets the oldest packet. The caller counts it. */
  dropOldest(): void {
    if (this.count === 0) return;
    const length = this.oldestLength;
    this.head = this.head + 1 === this.words.length / WORDS ? 0 : this.head + 1;
    this.dataHead += length;
    if (this.dataHead >= this.data.length) this.dataHead -= this.data.length;
    this.count--;
    this.bytes -= length;
  }

  /** Time of the oldest packet, in seconds since the epoch. */
  get oldestTime(): number {
    const at = this.wordsAt(0);
    return this.words[at + SEC]! + this.words[at + NSEC]! * 1e-9;
  }

  /** Length of the oldest packet, 0 if none is held. */
  get oldestLength(): number {
    return this.count === 0 ? 0 : this.words[this.wordsAt(0) + LENGTH]!;
  }

  /** Forgets all, and returns how many packets that were. */
  clear(): number {
    const { count } = this;
    this.count = this.bytes = this.head = this.dataHead = 0;
    return count;
  }

  /** Index in `words` of the packet at a place in the queue. */
  private wordsAt(place: number): number {
    const slots = this.words.length / WORDS;
    const slot = this.head + place;
    return (slot >= slots ? slot - slots : slot) * WORDS;
  }

  private growWords(needed: number): void {
    const slots = Math.min(this.limits.packets, Math.max(FIRST_PACKETS, needed, this.count * 2));
    const words = new Uint32Array(slots * WORDS);
    const first = this.words.subarray(this.head * WORDS);
    words.set(first);
    words.set(this.words.subarray(0, this.head * WORDS), first.length);
    this.words = words;
    this.head = 0;
  }

  private growData(needed: number): void {
    const data = new Uint8Array(Math.min(this.limits.bytes, Math.max(FIRST_BYTES, needed, this.data.length * 2)));
    const first = this.data.subarray(this.dataHead, this.dataHead + this.bytes);
    data.set(first);
    data.set(this.data.subarray(0, this.bytes - first.length), first.length);
    this.data = data;
    this.dataHead = 0;
  }

  private columnsFor(packets: Packets): (Uint8Array | Uint16Array | Uint32Array)[] {
    if (this.columnsOf !== packets) {
      this.columns = NAMES.map((name) => packets[name]);
      this.columnsOf = packets;
    }
    return this.columns;
  }
}
