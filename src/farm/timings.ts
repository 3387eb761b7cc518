import type { Histogram } from '../pipeline/stats.js';
import type { Origin } from './backend.js';

type ByOrigin = Readonly<Record<Origin, Histogram>>;

/** How long it takes until clones are ready, and until they answer: by the wall, for people wait by that. */
export class Timings {
  private readonly ready: ByOrigin;
  private readonly reply: ByOrigin;
  /** When a clone was asked for, until its first reply is seen. */
  private readonly asked = new Map<number, number>();
  /** Clones that have been ready, and have not replied, and had to be made from nothing. */
  private readonly cold = new Set<number>();

  constructor({ ready_seconds, reply_seconds }: { ready_seconds: ByOrigin; reply_seconds: ByOrigin }) {
    this.ready = ready_seconds;
    this.reply = reply_seconds;
  }

  onAsked(clone: number): void {
    this.asked.set(clone, performance.now());
  }

  /** @returns the seconds that it took */
  onReady(clone: number, origin: Origin): number {
    const seconds = (performance.now() - (this.asked.get(clone) ?? performance.now())) / 1000;
    this.ready[origin].observe(seconds);
    if (origin === 'cold') this.cold.add(clone);
    return seconds;
  }

  /** A clone sends something. */
  onSent(clone: number): void {
    const asked = this.asked.get(clone);
    if (asked === undefined) return;
    const origin = this.cold.delete(clone) ? 'cold' : 'warm';
    this.reply[origin].observe((performance.now() - asked) / 1000);
    this.asked.delete(clone);
  }

  forget(clone: number): void {
    this.asked.delete(clone);
    this.cold.delete(clone);
  }
}
