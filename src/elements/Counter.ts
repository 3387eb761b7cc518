import type { Batch } from '../packet/batch.js';
import { Element } from '../pipeline/element.js';
import type { Spec } from '../pipeline/spec.js';

const spec = {
  summary: 'counts packets and bytes, and passes them on',
  inputs: { in: 'packets' },
  outputs: { out: 'the same packets' },
  config: {},
  drops: {},
  handlers: {
    count: { read: 'packets counted' },
    byte_count: { read: 'bytes counted' },
    rate: { read: 'packets per second over the time since the last reset' },
    reset: { write: 'sets the counts to zero' },
  },
  workers: 'each',
} as const satisfies Spec;

/**
 * Links count what passes them without help; a Counter is for a count that can be read by name and set to zero.
 *
 * @example
 *   FromDump(in.pcap) -> c :: Counter -> Discard;
 */
export class Counter extends Element<typeof spec> {
  static readonly spec = spec;
  private packetCount = 0;
  private byteCount = 0;
  private since = Number.NaN;

  override push(batch: Batch, _input: number, bytes: number): void {
    if (Number.isNaN(this.since)) this.since = this.now();
    this.byteCount += bytes;
    this.packetCount += batch.count;
    this.out.out.moveAll(batch, bytes);
  }

  override handlers() {
    return {
      count: { read: () => String(this.packetCount) },
      byte_count: { read: () => String(this.byteCount) },
      rate: { read: () => String(this.packetCount / Math.max(1e-9, this.now() - this.since) || 0) },
      reset: {
        write: () => {
          this.packetCount = this.byteCount = 0;
          this.since = this.now();
        },
      },
    };
  }
}
