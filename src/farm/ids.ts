/** Parts that the space of numbers is divided into. */
const PARTS = 1 << 12;

/** Seconds. A packet, a row of a table or a file that names something may outlive it, but not by so long. */
const REST = 3600;

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
  next(isUsed: (id: number) => boolean): number {
    const { size, space, touched } = this;
    const { now } = this.clock;
    // Most numbers are of the part that the one before them is of.
    const following = this.last + 1;
    if (following < this.end && !isUsed(following)) {
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
        this.end = 0;
        skipped++;
        continue;
      }
      this.last = id;
      this.part = part;
      this.end = Math.min((part + 1) * size, space);
      if (enters) skipped++;
      if (isUsed(id)) continue;
      touched[part] = now;
      return id;
    }
    return 0;
  }

  /** What had a number is gone. */
  release(id: number): void {
    this.touched[Math.floor(id / this.size)] = this.clock.now;
  }
}
