import { Generator, limitKey, sourceHandlers, sourceKeys } from '../pipeline/generating.js';
import type { Spec } from '../pipeline/spec.js';
import { positional, seconds, ValueError } from '../pipeline/values.js';

const interval = seconds(0.5, 'Time between two packets, and before the first.');

const spec = {
  summary: 'gives a packet at regular times',
  inputs: {},
  outputs: { out: 'copies of the packet' },
  config: { interval: positional(interval), ...sourceKeys, limit: limitKey },
  validate: (config) => (config.interval === 0 ? 'INTERVAL must be above zero' : undefined),
  drops: {},
  handlers: { ...sourceHandlers, interval: { read: 'time between two packets', write: 'sets it' } },
} as const satisfies Spec;

/**
 * A heartbeat. The packet is given as it is, without a look at it: put CheckIPHeader behind.
 *
 * @example
 *   TimedSource(INTERVAL 1s, LIMIT 10, STOP true) -> Counter -> Discard;
 */
export class TimedSource extends Generator<typeof spec> {
  static readonly spec = spec;
  private interval = this.config.interval;
  private due = 0;
  private cancel: (() => void) | undefined;

  override start(): void {
    this.schedule();
  }

  override stop(): void {
    this.cancel?.();
  }

  override pull(max: number): boolean {
    this.due -= this.give(Math.min(max, this.due));
    if (!this.active || this.count >= this.limit) this.due = 0;
    return this.due > 0;
  }

  private schedule(): void {
    this.cancel?.();
    this.cancel = this.services.clock.every(this.interval, () => {
      this.due++;
    });
  }

  override handlers() {
    return {
      ...super.handlers(),
      interval: {
        read: () => interval.format(this.interval),
        write: (text: string) => {
          const value = interval.parse(text.trim(), { folder: '.' });
          if (value === 0) throw new ValueError('expected a time above zero');
          this.interval = value;
          this.schedule();
          this.services.wake();
        },
      },
    };
  }
}
