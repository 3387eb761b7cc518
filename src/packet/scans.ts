import { native } from '../native/addon.js';
import { ROWS } from './columns.js';
import type { Packets } from './packets.js';
import { Table } from './table.js';

/** Words of a scan's value before its targets: see native/scans.cc. */
const HEAD = 2;

/** The most targets of a scan. */
export const MOST_TARGETS = 62;

export interface ScanOptions {
  /** Targets that a scan may reach in a window, up to MOST_TARGETS. */
  targets: number;
  /** ms */
  window: number;
  /** Scans at once; the oldest is forgotten first. */
  capacity: number;
  /** 16 bytes that make hashes unpredictable. */
  seed: Uint8Array;
  /** Keeps the scans where several threads can have them in common. */
  shared?: boolean;
  /** The memory of scans that another thread made with `shared`. */
  memory?: Uint8Array;
}

/** Scans that are remembered: each is one source, protocol and destination port (for ICMP: type and code). */
export class Scans {
  /** Result of admit(): entry i is 1 if rows[i] goes to one of the first targets of its scan, else 0. */
  readonly admitted = new Uint8Array(ROWS);
  readonly #table: Table;
  readonly #targets: number;

  constructor({ targets, window, ...options }: ScanOptions) {
    // With its key and time an entry of one or two targets is half a cache line, so it never lies in two.
    const valueWords = Math.max(4, HEAD + targets);
    this.#table = new Table({ keyWords: 3, valueWords, timeout: window, batch: 0, ...options });
    this.#targets = targets;
  }

  /**
   * Decides about packets whose parse columns are filled in. A scan that cannot be remembered is not admitted.
   *
   * @param rows row numbers, of which the first n count
   * @param now ms; wraps at 2^32
   */
  admit(packets: Packets, rows: Uint16Array, n: number, now: number): void {
    const table = this.#table;
    native.scansAdmit(table.memory, packets.bytes, rows, n, now, table.timeout, this.#targets, this.admitted);
  }

  /** Sweeps the next sixteenth of the table: for a call every second, which must not take long. */
  sweepSome(now: number): number {
    return this.#table.sweepSome(now);
  }

  get memory(): Uint8Array {
    return this.#table.memory;
  }

  /** Scans remembered now. */
  get size(): number {
    return this.#table.size;
  }
}
