import type { Sender } from './tcp.js';

/** How often something is sent again that its sender believes to have arrived. */
const REPEATS = 8;

/** Senders of which something is withheld, or is to be sent again: the one that is due first before the others. */
export class Withheld {
  private readonly hold: number;
  private readonly senders = new Set<Sender>();

  /** @param hold seconds for which bytes are withheld that may begin a match */
  constructor(hold: number) {
    this.hold = hold;
  }

  get size(): number {
    return this.senders.size;
  }

  /** When the first is due; Infinity if there is none. */
  get due(): number {
    for (const { due } of this.senders) return due;
    return Number.POSITIVE_INFINITY;
  }

  /** Comes back to a sender when it has been quiet for a while, if there is something to do then. */
  await(sender: Sender, now: number): void {
    const { stream, repeated } = sender;
    this.senders.delete(sender);
    const repeats = stream.owes && repeated < REPEATS && !sender.reset;
    if (stream.scanner.withheld === 0 && !repeats) return;
    this.senders.add(sender);
    sender.due = now + this.hold;
  }

  /** Takes out the first that is due, if one is. */
  shift(now: number): Sender | undefined {
    for (const sender of this.senders) {
      if (sender.due > now) return undefined;
      this.senders.delete(sender);
      return sender;
    }
    return undefined;
  }

  forget(sender: Sender): void {
    this.senders.delete(sender);
  }
}
