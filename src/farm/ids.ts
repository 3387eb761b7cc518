/** Parts that the space of numbers is divided into. */
const PARTS = 1 << 12;

/** Seconds. A packet, a row of a table or a file that names something may outlive it, but not by so long. */
const REST = 3600;

/** The numbers that something has, such as a Map's keys. Each of them was given. */
export interface Used {
  has(id: number): boolean;
  keys(): Iterable<number>;
}

/**
 * Numbers of 32 bits that rise, and begin anew when all were given. One that something has, or that was given or had been
 * in use within the last hour, is not given again: who still names what is gone finds nothing, and never something else.
 * What is remembered for that are times of parts of the space, so a number may rest for longer than it must.
 */
export class Ids {
  private readonly clock: { readonly now: number };
  private readonly space: number;
  private readonly size: number;
  /** When a number of a part was given, or last in use. */
  private readonly touched: Float64Array;
  private rest = REST;
  private last = 0;
  /** The part that the last one is of, and the number behind it; 0 while none is. */
  private part = 0;
  private end = 0;
  /** Behind the last one nothing of the part below this is used. 0 if nobody has looked since the part was entered. */
  private free = 0;

  /** @param space numbers from 1 to below this are given */
  constructor(clock: { readonly now: number }, space = 2 ** 32) {
    this.clock = clock;
    this.space = space;
    this.size = Math.ceil(space / PARTS);
    this.touched = new Float64Array(Math.ceil(space / this.size)).fill(Number.NEGATIVE_INFINITY);
  }

  /** Somebody keeps numbers of what is gone for so many seconds. */
  keepFor(seconds: number): void {
    this.rest = Math.max(this.rest, seconds);
  }

  /** A number that nothing has and nothing refers to. 0 if there is none. */
  next(used: Pick<Used, 'has'>): number {
    const { size, space, touched } = this;
    const { now } = this.clock;
    // Most numbers are of the part that the one before them is of.
    const following = this.last + 1;
    if (following < this.end && !used.has(following)) {
      this.last = following;
      touched[this.part] = now;
      return following;
    }
    for (let skipped = 0; skipped <= touched.length; ) {
      let id = this.last + 1;
      if (id >= space) id = 1;
      const part = Math.floor(id / size);
      const enters = this.last === 0 || id === 1 || id % size === 0;
      if (enters && now - touched[part]! < this.rest) {
        this.last = Math.min((part + 1) * size, space) - 1;
        this.end = this.free = 0;
        skipped++;
        continue;
      }
      this.last = id;
      this.part = part;
      this.end = Math.min((part + 1) * size, space);
      if (enters) {
        skipped++;
        this.free = 0;
      }
      if (used.has(id)) continue;
      touched[part] = now;
      return id;
    }
    return 0;
  }

  /**
   * Gives several numbers: those that next() would give one after the other. Only what was given becomes used, and it comes
   * before the rest of its part. So one look at a part says up to where nothing has to be asked for.
   *
   * @param ids gets them in the places from `from` to below `to`
   * @returns the place behind the last one: below `to` if there are no more
   */
  fill(ids: Uint32Array, from: number, to: number, used: Used): number {
    let at = from;
    while (at < to) {
      const id = this.next(used);
      if (id === 0) break;
      ids[at++] = id;
      if (this.free === 0) this.free = this.firstUsed(used);
      const end = Math.min(this.free, id + 1 + to - at);
      for (let following = id + 1; following < end; following++) ids[at++] = following;
      if (end > id) this.last = end - 1;
    }
    return at;
  }

  /** The first number behind the last one that something has, or the end of the part. */
  private firstUsed(used: Used): number {
    let first = this.end;
    for (const id of used.keys()) if (id > this.last && id < first) first = id;
    return first;
  }

  /** What had a number is gone. */
  release(id: number): void {
    this.touched[Math.floor(id / this.size)] = this.clock.now;
  }
}
