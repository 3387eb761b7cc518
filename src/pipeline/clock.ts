interface Timer {
  at: number;
  every: number;
  run(): void;
}

/**
 * The engine's time, in seconds since the epoch, and its timers. Elements ask it and nothing else, so a replayed
 * capture runs on the capture's own time and a test on a time of its making.
 */
export class Clock {
  now: number;
  /** Whether time comes from the packets (a replay) or from the wall. */
  readonly virtual: boolean;
  private readonly timers = new Set<Timer>();
  private next = Number.POSITIVE_INFINITY;

  constructor({ virtual = false, now }: { virtual?: boolean; now?: number } = {}) {
    this.virtual = virtual;
    this.now = now ?? (virtual ? 0 : Date.now() / 1000);
  }

  /** Sets the time; it never goes back. Timers that are due run in the order of their times. */
  advance(now: number): void {
    while (this.next <= now) {
      const timer = [...this.timers].reduce((first, other) => (other.at < first.at ? other : first));
      // A first packet from 2004 must not make a timer started at time 0 catch up for decades.
      this.now = Math.max(this.now, timer.at);
      if (timer.every > 0) timer.at = Math.max(timer.at + timer.every, now - timer.every);
      else this.timers.delete(timer);
      timer.run();
      this.schedule();
    }
    if (now > this.now) this.now = now;
  }

  /** Sets the time of a clock that has none yet. Timers keep their distance from now. */
  begin(now: number): void {
    if (this.now !== 0) return;
    for (const timer of this.timers) timer.at += now;
    this.now = now;
    this.schedule();
  }

  /** When the next timer is due; Infinity if there is none. */
  get deadline(): number {
    return this.next;
  }

  /** @returns a function that cancels the timer. */
  after(seconds: number, run: () => void): () => void {
    return this.add({ at: this.now + seconds, every: 0, run });
  }

  /** @returns a function that cancels the timer. */
  every(seconds: number, run: () => void): () => void {
    return this.add({ at: this.now + seconds, every: seconds, run });
  }

  private add(timer: Timer): () => void {
    this.timers.add(timer);
    this.schedule();
    return () => {
      if (this.timers.delete(timer)) this.schedule();
    };
  }

  private schedule(): void {
    this.next = Number.POSITIVE_INFINITY;
    for (const { at } of this.timers) this.next = Math.min(this.next, at);
  }
}
