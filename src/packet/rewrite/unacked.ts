/** Memory that many streams share. */
export class Budget {
  used = 0;
  readonly most: number;

  constructor(most: number) {
    this.most = most;
  }

  has(bytes: number): boolean {
    return this.used + bytes <= this.most;
  }
}

const NOTHING = new Uint8Array(0);
const FIRST = 2048;

/** What was sent, or is to be, and is not acknowledged: the bytes from one position of a stream to another. */
export class Unacked {
  from: number;
  to: number;
  private readonly budget: Budget;
  private bytes = NOTHING;
  /** Place of the first in `bytes`. */
  private head = 0;

  constructor(at: number, budget: Budget) {
    this.from = this.to = at;
    this.budget = budget;
  }

  /** Adds bytes at the end. The caller has seen to it that there is room. */
  append(bytes: Uint8Array, from: number, to: number): void {
    const held = this.to - this.from;
    const needed = held + to - from;
    if (this.head + needed > this.bytes.length) this.makeRoom(held, needed);
    const at = this.head + held;
    for (let i = from; i < to; i++) this.bytes[at + i - from] = bytes[i]!;
    this.to += to - from;
  }

  private makeRoom(held: number, needed: number): void {
    // Moving them costs as much as they are long, so it is done only when as much again has been used up.
    if (needed * 2 <= this.bytes.length) this.bytes.copyWithin(0, this.head, this.head + held);
    else {
      const grown = new Uint8Array(Math.max(FIRST, needed * 2));
      grown.set(this.bytes.subarray(this.head, this.head + held));
      this.budget.used += grown.length - this.bytes.length;
      this.bytes = grown;
    }
    this.head = 0;
  }

  /** Forgets what comes before a position. */
  acknowledge(position: number): void {
    const count = Math.min(position, this.to) - this.from;
    if (count <= 0) return;
    this.head += count;
    this.from += count;
    if (this.from === this.to) this.clear();
  }

  /** Copies bytes of [at, at + length), which it holds. */
  copy(at: number, length: number, target: Uint8Array, offset: number): void {
    const first = this.head + at - this.from;
    for (let i = 0; i < length; i++) target[offset + i] = this.bytes[first + i]!;
  }

  /** Gives the memory back. */
  clear(): void {
    this.budget.used -= this.bytes.length;
    this.bytes = NOTHING;
    this.head = 0;
    this.from = this.to;
  }
}
