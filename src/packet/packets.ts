import type { Batch } from './batch.js';
import { COLUMNS, type ColumnName, HEADROOM, OFFSETS, ROWS, SLOT, SLOTS_AT, TABLE_BYTES, WIDTH } from './columns.js';

type Columns = {
  readonly [Name in ColumnName]: (typeof COLUMNS)[Name]['type'] extends 'u8'
    ? Uint8Array
    : (typeof COLUMNS)[Name]['type'] extends 'u16'
      ? Uint16Array
      : Uint32Array;
};

/**
 * A table of packets: columns of facts about them, and their bytes. JavaScript owns the memory; native code
 * borrows it for the length of a call.
 *
 * Rows live one turn: an element that receives packets takes rows, the graph passes row numbers on, and the
 * engine takes all rows back at the end of the turn.
 */
export class Packets implements Columns {
  readonly buffer = new ArrayBuffer(TABLE_BYTES);
  /** The whole table as bytes: what `start` indexes. */
  readonly bytes = new Uint8Array(this.buffer);
  readonly view = new DataView(this.buffer);
  /** Rows taken this turn. */
  used = 0;
  // Fields by name, one for each of COLUMNS: V8 looks properties that a loop has added up in a hash table each time.
  readonly sec = this.column('sec');
  readonly nsec = this.column('nsec');
  readonly start = this.column('start');
  readonly length = this.column('length');
  readonly src = this.column('src');
  readonly dst = this.column('dst');
  readonly key = this.column('key');
  readonly universe = this.column('universe');
  readonly flow = this.column('flow');
  readonly decision = this.column('decision');
  readonly age = this.column('age');
  readonly clone = this.column('clone');
  readonly sport = this.column('sport');
  readonly dport = this.column('dport');
  readonly payload = this.column('payload');
  readonly image = this.column('image');
  readonly rewrite = this.column('rewrite');
  readonly proto = this.column('proto');
  readonly tcpFlags = this.column('tcpFlags');
  readonly ipHeader = this.column('ipHeader');
  readonly fragment = this.column('fragment');
  readonly tunnel = this.column('tunnel');
  readonly flowState = this.column('flowState');
  readonly verdict = this.column('verdict');
  readonly fault = this.column('fault');
  readonly paint = this.column('paint');

  /** Rows that can still be taken this turn. */
  get free(): number {
    return ROWS - this.used;
  }

  /**
   * Takes a row with all columns zero but `start`, which leaves the headroom free.
   * @returns the row, or -1 if all are taken.
   */
  take(): number {
    if (this.used === ROWS) return -1;
    const row = this.used++;
    this.clear(row);
    return row;
  }

  /** Sets the columns of a row as take() leaves them. */
  clear(row: number): void {
    this.sec[row] = this.nsec[row] = 0;
    this.start[row] = this.slot(row) + HEADROOM;
    this.length[row] = 0;
    this.src[row] = this.dst[row] = this.key[row] = this.universe[row] = this.flow[row] = this.clone[row] = 0;
    this.decision[row] = this.age[row] = 0;
    this.sport[row] = this.dport[row] = this.payload[row] = this.image[row] = this.rewrite[row] = 0;
    this.proto[row] = this.tcpFlags[row] = this.ipHeader[row] = this.fragment[row] = this.tunnel[row] = 0;
    this.flowState[row] = this.verdict[row] = this.fault[row] = this.paint[row] = 0;
  }

  /** Offset of a row's slot in the table. */
  slot(row: number): number {
    return SLOTS_AT + row * SLOT;
  }

  /** Takes a row that is a copy of another, bytes and columns. Returns -1 if all rows are taken. */
  copy(from: number): number {
    if (this.used === ROWS) return -1;
    const row = this.used++;
    for (const name of Object.keys(COLUMNS) as ColumnName[]) this[name][row] = this[name][from]!;
    const offset = this.start[from]! - this.slot(from);
    this.start[row] = this.slot(row) + offset;
    this.bytes.copyWithin(this.start[row]!, this.start[from]!, this.start[from]! + this.length[from]!);
    return row;
  }

  /** The bytes of a packet, as a view that is good until the end of the turn. */
  packet(row: number): Uint8Array {
    return this.bytes.subarray(this.start[row]!, this.start[row]! + this.length[row]!);
  }

  /** Bytes of all packets of a batch, or of those behind the first few. */
  lengthOf({ rows, count }: Batch, first = 0): number {
    const { length } = this;
    // Packets are short and rows are few, so 32 bits suffice, which V8 adds up more quickly than doubles. Two sums need not
    // wait for each other.
    let [sum, other, i] = [0, 0, first];
    for (; i + 3 < count; i += 4) {
      sum = (sum + length[rows[i]!]!) | 0;
      other = (other + length[rows[i + 1]!]!) | 0;
      sum = (sum + length[rows[i + 2]!]!) | 0;
      other = (other + length[rows[i + 3]!]!) | 0;
    }
    for (; i < count; i++) sum = (sum + length[rows[i]!]!) | 0;
    return (sum + other) | 0;
  }

  private column<Name extends ColumnName>(name: Name): Columns[Name] {
    const Column = { 1: Uint8Array, 2: Uint16Array, 4: Uint32Array }[WIDTH[COLUMNS[name].type]];
    return new Column(this.buffer, OFFSETS[name], ROWS) as Columns[Name];
  }

  /** Ends the turn: every row is free again. */
  reset(): void {
    this.used = 0;
  }
}
