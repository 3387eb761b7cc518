import type { Packets } from '../packet/packets.js';

/** Which way over the clone's wire. The values are those of pcapng's epb_flags. */
export const DIRECTION = { in: 1, out: 2 } as const;

export type Direction = keyof typeof DIRECTION;

/** What all recordings of a farm may take together. */
export class RecordingBudget {
  readonly limit: number;
  #used = 0;

  /** @param limit bytes */
  constructor(limit: number) {
    this.limit = limit;
  }

  get used(): number {
    return this.#used;
  }

  /** False if there is not so much left. */
  take(bytes: number): boolean {
    if (this.#used + bytes > this.limit) return false;
    this.#used += bytes;
    return true;
  }

  give(bytes: number): void {
    this.#used -= bytes;
  }
}

/** One frame. The bytes are a view that is good until the next one is asked for. */
export interface RecordedFrame {
  readonly sec: number;
  readonly nsec: number;
  readonly direction: Direction;
  readonly bytes: Uint8Array;
  readonly comment: string | undefined;
}

/** Of each record: seconds, nanoseconds, direction and length; then the frame, up to a whole word. */
const HEADER = 12;
const FIRST = 2048;
const LONG = 512;
const COMMENTS = 256;
const COMMENT_LENGTH = 200;

/**
 * What went over the wire of one clone, from the first frame on. How an attack began is what matters most, so when there
 * is no room left it ends for good, without gaps before, and counts what it did not take.
 */
export class Recording {
  /** Frames taken, and frames and their bytes not taken. */
  frames = 0;
  missed = 0;
  missedBytes = 0;
  /** Why it takes no more: its own limit, the budget of all, or close(). */
  full: 'limit' | 'budget' | 'closed' | undefined;
  private readonly budget: RecordingBudget;
  private readonly limit: number;
  private bytes = new Uint8Array(0);
  private words = new Uint32Array(0);
  private used = 0;
  private readonly comments = new Map<number, string>();

  /** @param limit bytes that it may take */
  constructor(budget: RecordingBudget, limit: number) {
    this.budget = budget;
    this.limit = limit;
  }

  /** Bytes it takes. */
  get size(): number {
    return this.bytes.length;
  }

  /** Takes the frame in a row. `now` is when it passes, in seconds since the epoch. Allocates only to grow. */
  add(packets: Packets, row: number, direction: Direction, now: number): void {
    const length = packets.length[row]!;
    const end = this.used + HEADER + ((length + 3) & ~3);
    if (this.full !== undefined || (end > this.bytes.length && !this.grow(end))) {
      this.missed++;
      this.missedBytes += length;
      return;
    }
    const at = this.used >> 2;
    const sec = Math.floor(now);
    this.words[at] = sec;
    this.words[at + 1] = (now - sec) * 1e9;
    this.words[at + 2] = (DIRECTION[direction] << 16) | length;
    this.copy(packets, packets.start[row]!, length, this.used + HEADER);
    this.used = end;
    this.frames++;
  }

  /** Says something about the frame taken last. So much is kept as an analyst can read; the rest is let go. */
  comment(text: string): void {
    if (this.full !== undefined || this.frames === 0 || this.comments.size >= COMMENTS) return;
    this.comments.set(this.frames - 1, text.slice(0, COMMENT_LENGTH));
  }

  *[Symbol.iterator](): Generator<RecordedFrame> {
    for (let at = 0, i = 0; at < this.used; i++) {
      const word = at >> 2;
      const length = this.words[word + 2]! & 0xffff;
      yield {
        sec: this.words[word]!,
        nsec: this.words[word + 1]!,
        direction: this.words[word + 2]! >>> 16 === DIRECTION.in ? 'in' : 'out',
        bytes: this.bytes.subarray(at + HEADER, at + HEADER + length),
        comment: this.comments.get(i),
      };
      at += HEADER + ((length + 3) & ~3);
    }
  }

  /** Gives its memory back. It is empty and takes nothing from now on. */
  close(): void {
    this.budget.give(this.bytes.length);
    this.bytes = new Uint8Array(0);
    this.words = new Uint32Array(0);
    this.used = this.frames = 0;
    this.comments.clear();
    this.full = 'closed';
  }

  /** Word by word, which makes no object for each frame; a view pays only for long ones. */
  private copy({ bytes, view }: Packets, start: number, length: number, to: number): void {
    if (length > LONG) {
      this.bytes.set(bytes.subarray(start, start + length), to);
      return;
    }
    const whole = length & ~3;
    for (let i = 0; i < whole; i += 4) this.words[(to + i) >> 2] = view.getUint32(start + i, true);
    for (let i = whole; i < length; i++) this.bytes[to + i] = bytes[start + i]!;
  }

  /** Doubles its room until `end` fits into it. Both old and new count while one is copied into the other. */
  private grow(end: number): boolean {
    let size = Math.max(FIRST, this.bytes.length);
    while (size < end) size *= 2;
    size = Math.min(size, this.limit & ~3);
    if (size < end) this.full = 'limit';
    else if (!this.budget.take(size - this.bytes.length)) this.full = 'budget';
    if (this.full !== undefined) return false;
    const bytes = new Uint8Array(size);
    bytes.set(this.bytes.subarray(0, this.used));
    this.bytes = bytes;
    this.words = new Uint32Array(bytes.buffer);
    return true;
  }
}
