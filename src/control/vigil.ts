import { setInterval } from 'node:timers';

/** Milliseconds between two looks. */
const PERIOD = 1000;

/** Memory for two threads that watch each other. */
export const vigilMemory = (): SharedArrayBuffer => new SharedArrayBuffer(2 * Int32Array.BYTES_PER_ELEMENT);

/**
 * Two threads show each other that their event loops turn: each counts in shared memory, once a second, and looks
 * whether the other has counted. Looks are counted and not seconds, so a machine that was asleep, or a watcher that
 * stood still itself, sees no stall where there was none.
 */
export class Vigil {
  private readonly counts: Int32Array;
  private readonly own: 0 | 1;
  private readonly patience: number;
  private readonly onStall: () => void;
  private seen = 0;
  private still = 0;
  private watching = true;
  private timer: NodeJS.Timeout | undefined;

  /**
   * @param own which of the two this thread is
   * @param patience looks in a row by which the other may not have counted
   * @param onStall called with each look from then on
   */
  constructor(memory: SharedArrayBuffer, own: 0 | 1, patience: number, onStall: () => void) {
    this.counts = new Int32Array(memory);
    this.own = own;
    this.patience = patience;
    this.onStall = onStall;
  }

  look(): void {
    Atomics.add(this.counts, this.own, 1);
    const now = Atomics.load(this.counts, 1 - this.own);
    this.still = now === this.seen ? this.still + 1 : 0;
    this.seen = now;
    if (this.watching && this.still >= this.patience) this.onStall();
  }

  start(): void {
    this.timer ??= setInterval(() => this.look(), PERIOD).unref();
  }

  /** Looks no more, and shows itself still: the other is about to end, or this thread is. */
  rest(): void {
    this.watching = false;
  }

  stop(): void {
    clearInterval(this.timer);
  }
}
