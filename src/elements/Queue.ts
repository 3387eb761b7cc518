import type { Batch } from '../packet/batch.js';
import { HeldPackets } from '../packet/held.js';
import { Element } from '../pipeline/element.js';
import type { Spec } from '../pipeline/spec.js';
import { count, positional } from '../pipeline/values.js';

const spec = {
  summary: 'keeps packets until the next turn, at most so many',
  inputs: { in: 'packets' },
  outputs: { out: 'the same packets, in order, in a later turn' },
  config: { capacity: positional(count(1000, 'Packets that may wait.', { min: 1 })) },
  drops: { full: 'CAPACITY packets wait already', reset: 'the queue was emptied by hand' },
  decoupled: true,
  handlers: {
    length: { read: 'packets that wait now' },
    highwater_length: { read: 'the most that ever waited at once' },
    capacity: { read: 'packets that may wait', write: 'sets it' },
    drops: { read: 'packets dropped since the counts were reset' },
    reset_counts: { write: 'sets drops and highwater_length to zero' },
    reset: { write: 'drops the packets that wait' },
  },
  workers: 'each',
} as const satisfies Spec;

/**
 * Where packets would run in a circle within one turn, a Queue breaks the circle. The engine drains it turn by
 * turn, so unlike in Click nothing needs to pull.
 *
 * @example
 *   FromDump(in.pcap) -> q :: Queue(200) -> Discard;
 */
export class Queue extends Element<typeof spec> {
  static readonly spec = spec;
  private readonly queue = new HeldPackets({ packets: this.config.capacity });
  private highwater = 0;
  private forgottenDrops = 0;

  override push(batch: Batch): void {
    this.held += this.queue.pushAll(this.packets, batch, this.drops.full);
    this.highwater = Math.max(this.highwater, this.queue.count);
  }

  override pull(max: number): boolean {
    this.queue.popAll(this.packets, max, this.out.out);
    return this.queue.count > 0;
  }

  override get waiting(): number {
    return this.queue.count;
  }

  private get allDrops(): number {
    return this.drops.full.value + this.drops.reset.value;
  }

  override handlers() {
    return {
      length: { read: () => String(this.queue.count) },
      highwater_length: { read: () => String(this.highwater) },
      capacity: {
        read: () => String(this.queue.limits.packets),
        write: (text: string) =>
          this.queue.limit({ packets: spec.config.capacity.parse(text.trim(), { folder: '.' }) }),
      },
      drops: { read: () => String(this.allDrops - this.forgottenDrops) },
      reset_counts: {
        write: () => {
          this.highwater = this.queue.count;
          this.forgottenDrops = this.allDrops;
        },
      },
      reset: { write: () => this.drops.reset.lose(this.queue.clear()) },
    };
  }
}
