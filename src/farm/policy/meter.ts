import { LEVELS, type Limit } from './limits.js';
import { Tallies } from './tallies.js';

/**
 * Counts what one limit is about, apart for each key. A window begins with the first thing that is counted after the
 * last window is over, and lasts the limit's time; so in a window no more passes than the limit says, and in any stretch of
 * that length at most twice as much.
 */
export class Meter {
  readonly limit: Limit;
  /** Of the limit, for what is done with each packet; the level as its place in LEVELS. */
  readonly level: number;
  readonly countsBytes: boolean;
  readonly seconds: number;
  readonly most: number;
  /** Where it counts, and from which number of a row. */
  tallies!: Tallies;
  column = 0;
  /** For each slot the end of the window in which it was last told that the limit is reached. */
  private readonly told: number[] = [];
  /** For each slot the destinations that were counted. */
  private readonly seen: (Set<number> | undefined)[] = [];

  constructor(limit: Limit) {
    this.limit = limit;
    this.level = LEVELS.indexOf(limit.level);
    this.countsBytes = limit.measure === 'bytes';
    this.most = limit.most;
    this.seconds = limit.seconds;
    new Tallies().install([this]);
  }

  /** From now on it counts there. */
  moveTo(tallies: Tallies, column: number): void {
    this.tallies = tallies;
    this.column = column;
  }

  private at(slot: number): number {
    return slot * this.tallies.width + this.column;
  }

  /** How much has been counted in the window that is open; 0 if none is. */
  count(slot: number, now: number): number {
    const { values } = this.tallies;
    const at = this.at(slot);
    return at < values.length && now < values[at]! ? values[at + 1]! : 0;
  }

  /** Whether so many more packets or bytes are within the limit, or one more flow. */
  hasRoom(count: number, amount: number): boolean {
    return count + amount <= this.most;
  }

  /**
   * Whether so much more is within the limit.
   * @param count what count() says
   * @param what how much; for destinations, which one: it costs nothing if it was counted before
   */
  admits(slot: number, count: number, what: number): boolean {
    if (this.limit.measure !== 'destinations') return this.hasRoom(count, what);
    return count < this.most || (count > 0 && this.seen[slot]!.has(what));
  }

  /** Counts what was admitted; a window begins if none is open. */
  add(slot: number, now: number, count: number, what: number): void {
    this.tallies.reserve(slot);
    const { values } = this.tallies;
    const at = this.at(slot);
    if (count === 0) values[at] = now + this.seconds;
    values[at + 1] = this.limit.measure === 'destinations' ? this.see(slot, count, what) : count + what;
  }

  private see(slot: number, count: number, destination: number): number {
    const seen = count === 0 ? undefined : this.seen[slot];
    if (seen) return seen.add(destination).size;
    this.seen[slot] = new Set([destination]);
    return 1;
  }

  /** True for the first call in each window. */
  tells(slot: number, now: number): boolean {
    const end = this.count(slot, now) > 0 ? this.tallies.values[this.at(slot)]! : now + this.seconds;
    if (this.told[slot] === end) return false;
    this.told[slot] = end;
    return true;
  }

  /** Forgets what was counted for a key; the slot may become another's. */
  clear(slot: number): void {
    const at = this.at(slot);
    if (at < this.tallies.values.length) this.tallies.values[at + 1] = 0;
    if (slot < this.told.length) this.told[slot] = -1;
    if (slot < this.seen.length) this.seen[slot] = undefined;
  }

  /** Forgets what was counted for anybody. */
  clearAll(): void {
    const { values, width } = this.tallies;
    for (let at = this.column; at < values.length; at += width) values[at + 1] = 0;
    this.told.length = this.seen.length = 0;
  }
}
