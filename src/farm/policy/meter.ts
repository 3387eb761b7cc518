import type { Level, Limit } from './limits.js';

/** Slots for which there is room at first. */
const FIRST = 16;

/**
 * Counts what one limit is about, apart for each key. A window begins with the first thing that is counted after the
 * last window is over, and lasts the limit's time; so in a window no more passes than the limit says, and in any stretch of
 * that length at most twice as much.
 */
export class Meter {
  readonly limit: Limit;
  /** Of the limit, for what is done with each packet. */
  readonly level: Level;
  readonly countsBytes: boolean;
  private readonly most: number;
  private readonly seconds: number;
  /** For each slot when its window began, and how much was counted since then. */
  private windows = new Float64Array(2 * FIRST);
  /** For each slot the start of the window in which it was last told that the limit is reached. */
  private readonly told: number[] = [];
  /** For each slot the destinations that were counted. */
  private readonly seen: (Set<number> | undefined)[] = [];

  constructor(limit: Limit) {
    this.limit = limit;
    this.level = limit.level;
    this.countsBytes = limit.measure === 'bytes';
    this.most = limit.most;
    this.seconds = limit.seconds;
  }

  /** How much has been counted in the window that is open; 0 if none is. */
  count(slot: number, now: number): number {
    const { windows } = this;
    return 2 * slot < windows.length && now - windows[2 * slot]! < this.seconds ? windows[2 * slot + 1]! : 0;
  }

  /**
   * Whether so much more is within the limit.
   * @param count what count() says
   * @param what how much; for destinations, which one: it costs nothing if it was counted before
   */
  admits(slot: number, count: number, what: number): boolean {
    if (this.limit.measure !== 'destinations') return count + what <= this.most;
    return count < this.most || (count > 0 && this.seen[slot]!.has(what));
  }

  /** Counts what was admitted; a window begins if none is open. */
  add(slot: number, now: number, count: number, what: number): void {
    if (2 * slot >= this.windows.length) this.grow(slot);
    if (count === 0) this.windows[2 * slot] = now;
    this.windows[2 * slot + 1] = this.limit.measure === 'destinations' ? this.see(slot, count, what) : count + what;
  }

  private see(slot: number, count: number, destination: number): number {
    const seen = count === 0 ? undefined : this.seen[slot];
    if (seen) return seen.add(destination).size;
    this.seen[slot] = new Set([destination]);
    return 1;
  }

  /** True for the first call in each window. */
  tells(slot: number, now: number): boolean {
    const window = this.count(slot, now) > 0 ? this.windows[2 * slot]! : now;
    if (this.told[slot] === window) return false;
    this.told[slot] = window;
    return true;
  }

  /** Forgets what was counted for a key; the slot may become another's. */
  clear(slot: number): void {
    if (2 * slot < this.windows.length) this.windows[2 * slot + 1] = 0;
    if (slot < this.told.length) this.told[slot] = -1;
    if (slot < this.seen.length) this.seen[slot] = undefined;
  }

  /** Forgets what was counted for anybody. */
  clearAll(): void {
    this.windows.fill(0);
    this.told.length = this.seen.length = 0;
  }

  private grow(slot: number): void {
    const larger = new Float64Array(Math.max(2 * slot + 2, this.windows.length * 2));
    larger.set(this.windows);
    this.windows = larger;
  }
}
