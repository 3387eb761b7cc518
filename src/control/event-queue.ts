import type { EngineEvent } from '../pipeline/events.js';

/** Events that may wait for a control plane that is busy. */
const CAPACITY = 4096;

/**
 * The way of events from a worker to the control plane. One batch is under way at a time: the next is sent when the
 * last was taken, so that a control plane that lags is not buried in messages. What does not fit is lost.
 */
export class EventQueue {
  private waiting: EngineEvent[] = [];
  private underWay = false;
  private scheduled = false;
  private readonly send: (events: readonly EngineEvent[]) => void;
  private readonly lose: () => void;
  private readonly capacity: number;

  constructor(send: (events: readonly EngineEvent[]) => void, lose: () => void, capacity = CAPACITY) {
    this.send = send;
    this.lose = lose;
    this.capacity = capacity;
  }

  push(event: EngineEvent): void {
    if (this.waiting.length >= this.capacity) {
      this.lose();
      return;
    }
    this.waiting.push(event);
    if (this.underWay || this.scheduled) return;
    // What happens in one slice of turns travels together.
    this.scheduled = true;
    setImmediate(() => {
      this.scheduled = false;
      if (!this.underWay) this.flush();
    });
  }

  /** The control plane has dealt with the last batch. */
  taken(): void {
    this.underWay = false;
    this.flush();
  }

  /** Sends what waits, whether or not the last batch was taken: the worker ends. */
  flush(): void {
    if (this.waiting.length === 0) return;
    this.underWay = true;
    this.send(this.waiting);
    this.waiting = [];
  }
}
