import type { Limit } from './limits.js';

/** What a meter counts for one key is in its places with the number of that key's slot. */
const FIRST = 16;

/**
 * Counts what one limit is about, apart for each key. A window begins with the first thing that is counted after the
 * last window is over, and lasts the limit's time; so in a window no more passes than the limit says, and in any stretch of
 * that length at most twice as much.
 */
export class Meter {
  readonly limit: Limit;
  private since = new Float64Array(FIRST);
  private used = new Float64Array(FIRST);
  /** Start of the window in which it was last told that the limit is reached. */
  private told = new Float64Array(FIRST).fill(-1);
  private readonly seen: (Set<number> | undefined)[] = [];

  constructor(limit: Limit) {
    this.limit = limit;
  }

  /** How much has been counted in the window that is open. */
  count(slot: number, now: number): number {
    return this.isOpen(slot, now) ? this.used[slot]! : 0;
  }

  private isOpen(slot: number, now: number): boolean {
    return slot < this.used.length && this.used[slot]! > 0 && now - this.since[slot]! < this.limit.seconds;
  }

  /** Whether so much more is within the limit. For destinations, `what` is the address, and one that was counted costs nothing. */
  admits(slot: number, now: number, what: number): boolean {
    const count = this.count(slot, now);
    if (this.limit.measure !== 'destinations') return count + what <= this.limit.most;
    return (count > 0 && this.seen[slot]!.has(what)) || count + 1 <= this.limit.most;
  }

  /** Counts what was found to be within the limit. */
  add(slot: number, now: number, what: number): void {
    if (slot >= this.used.length) this.grow(slot);
    if (!this.isOpen(slot, now)) {
      this.since[slot] = now;
      this.used[slot] = 0;
      this.seen[slot]?.clear();
    }
    if (this.limit.measure === 'destinations') {
      this.seen[slot] ??= new Set();
      this.used[slot] = this.seen[slot].add(what).size;
    } else this.used[slot] = this.used[slot]! + what;
  }

  /** True for the first call in each window. */
  tells(slot: number, now: number): boolean {
    if (slot >= this.used.length) this.grow(slot);
    const window = this.isOpen(slot, now) ? this.since[slot]! : now;
    if (this.told[slot] === window) return false;
    this.told[slot] = window;
    return true;
  }

  /** Forgets what was counted for a key; the slot may become another's. */
  clear(slot: number): void {
    if (slot >= this.used.length) return;
    this.used[slot] = 0;
    this.told[slot] = -1;
    this.seen[slot] = undefined;
  }

  /** Forgets what was counted for anybody. */
  clearAll(): void {
    for (let slot = 0; slot < this.used.length; slot++) this.clear(slot);
  }

  private grow(slot: number): void {
    const size = Math.max(slot + 1, this.used.length * 2);
    const larger = (old: Float64Array) => {
      const fresh = new Float64Array(size);
      fresh.set(old);
      return fresh;
    };
    this.since = larger(this.since);
    this.used = larger(this.used);
    const told = larger(this.told);
    told.fill(-1, this.told.length);
    this.told = told;
  }
}
