import type { Batch } from '../packet/batch.js';
import { HeldPackets } from '../packet/held.js';
import { Element } from './element.js';
import type { Spec } from './spec.js';
import { count, type Key, positional } from './values.js';

/** The facts that all shapers share; `unit` is what their rate counts. */
export const shaperSpec = (summary: string, unit: string, key: (fallback: undefined, doc: string) => Key<number>) =>
  ({
    summary,
    inputs: { in: 'packets at any rate' },
    outputs: { out: 'the same packets, at no more than RATE' },
    config: {
      rate: positional(key(undefined, `Most ${unit} that leave in a second.`)),
      capacity: positional(count(1000, 'Packets that may wait.', { min: 1 })),
    },
    drops: { full: 'CAPACITY packets wait already', reset: 'the queue was emptied by hand' },
    decoupled: true,
    handlers: {
      rate: { read: `most ${unit} in a second`, write: 'sets it' },
      length: { read: 'packets that wait now' },
      drops: { read: 'packets dropped' },
      reset: { write: 'drops the packets that wait' },
    },
  }) as const satisfies Spec;

type ShaperSpec = ReturnType<typeof shaperSpec>;

/** A bounded queue whose packets leave on a schedule: each so long after the one before it as the rate demands. */
export abstract class ShapedQueue extends Element<ShaperSpec> {
  private readonly queue = new HeldPackets({ packets: this.config.capacity });
  private perSecond = this.config.rate;
  /** When the oldest packet may leave. */
  private due = 0;
  /** What the timer that is running waits for. */
  private timed = Number.NaN;
  private cancel: (() => void) | undefined;

  /** How much of the rate a packet of this length uses up. */
  protected abstract cost(length: number): number;

  override push(batch: Batch): void {
    // Only a queue that was empty starts a new schedule: a turn that comes late must not lower the rate.
    if (this.queue.count === 0) this.due = Math.max(this.due, this.now());
    this.held += this.queue.pushAll(this.packets, batch, this.drops.full);
  }

  override pull(max: number): boolean {
    const { queue, packets } = this;
    const now = this.now();
    for (let n = 0; n < max && queue.count > 0 && this.due <= now; n++) {
      const row = queue.pop(packets);
      if (row === -1) break;
      this.due += this.cost(packets.length[row]!) / this.perSecond;
      this.out.out.add(row);
    }
    if (queue.count === 0) return false;
    if (this.due <= now) return true;
    if (this.timed !== this.due) {
      this.cancel?.();
      this.timed = this.due;
      // The timer has nothing to do: its end starts the turn that pulls.
      this.cancel = this.services.clock.after(this.due - now, () => {
        this.timed = Number.NaN;
      });
    }
    return false;
  }

  override get waiting(): number {
    return this.queue.count;
  }

  override handlers() {
    return {
      rate: {
        read: () => String(this.perSecond),
        write: (text: string) => {
          const { spec } = this.constructor as unknown as { spec: ShaperSpec };
          this.perSecond = spec.config.rate.parse(text.trim(), { folder: '.' });
          this.due = this.now();
          this.services.wake();
        },
      },
      length: { read: () => String(this.queue.count) },
      drops: { read: () => String(this.drops.full.value + this.drops.reset.value) },
      reset: { write: () => this.drops.reset.lose(this.queue.clear()) },
    };
  }
}
