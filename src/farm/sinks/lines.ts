import type { Budget } from './peer.js';

const LINE_FEED = 10;
const CARRIAGE_RETURN = 13;

/** Splits what a peer says into lines, of which only so many bytes are kept. */
export class Lines {
  private readonly bytes: Buffer;
  private length = 0;
  private cut = false;

  /** @param longest bytes of a line, without its end */
  constructor(longest: number) {
    this.bytes = Buffer.alloc(longest + 1);
  }

  /**
   * Takes bytes from an offset on, up to the end of a line.
   * @returns where the next line begins; -1 if this one is not complete yet
   */
  take(bytes: Uint8Array, from: number): number {
    const end = bytes.indexOf(LINE_FEED, from);
    const part = bytes.subarray(from, end < 0 ? bytes.length : end);
    const room = this.bytes.length - this.length;
    if (part.length > room) this.cut = true;
    this.bytes.set(part.subarray(0, room), this.length);
    this.length += Math.min(room, part.length);
    return end < 0 ? -1 : end + 1;
  }

  /** The line that take() has completed, a byte a character; undefined if it was too long. */
  shift(): string | undefined {
    const { bytes, length } = this;
    const end = length > 0 && bytes[length - 1] === CARRIAGE_RETURN ? length - 1 : length;
    const tooLong = this.cut || end === bytes.length;
    this.length = 0;
    this.cut = false;
    return tooLong ? undefined : bytes.toString('latin1', 0, end);
  }
}

/** The room that is asked for first; it is doubled as more comes. */
const FIRST = 1024;

/** Bytes that are kept: the first so many, and as far as all sinks together have room. */
export class Kept {
  private readonly most: number;
  private readonly budget: Budget;
  private buffer = Buffer.alloc(0);
  private kept = 0;
  /** All bytes that came, kept or not. */
  bytes = 0;

  constructor(most: number, budget: Budget) {
    this.most = most;
    this.budget = budget;
  }

  get truncated(): boolean {
    return this.kept < this.bytes;
  }

  add(piece: Uint8Array): void {
    const whole = !this.truncated;
    this.bytes += piece.length;
    if (!whole) return;
    const wanted = Math.min(this.most, this.kept + piece.length);
    if (wanted > this.buffer.length) this.grow(wanted);
    const part = piece.subarray(0, this.buffer.length - this.kept);
    this.buffer.set(part, this.kept);
    this.kept += part.length;
  }

  /** A copy of what is kept. */
  copy(): Buffer {
    return Buffer.from(this.buffer.subarray(0, this.kept));
  }

  clear(): void {
    this.budget.give(this.buffer.length);
    this.buffer = Buffer.alloc(0);
    this.kept = this.bytes = 0;
  }

  private grow(wanted: number): void {
    const size = Math.min(this.most, Math.max(wanted, 2 * this.buffer.length, FIRST));
    if (!this.budget.take(size - this.buffer.length)) return;
    const larger = Buffer.alloc(size);
    larger.set(this.buffer);
    this.buffer = larger;
  }
}
