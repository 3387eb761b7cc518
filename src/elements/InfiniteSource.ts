import { BATCH } from '../packet/columns.js';
import { Generator, limitKey, sourceHandlers, sourceKeys } from '../pipeline/generating.js';
import type { Spec } from '../pipeline/spec.js';
import { count, positional } from '../pipeline/values.js';

const spec = {
  summary: 'gives packets as fast as they are taken',
  inputs: {},
  outputs: { out: 'copies of the packet' },
  config: {
    data: sourceKeys.data,
    limit: positional(limitKey),
    burst: positional(count(1, `Packets to give in a turn, at most ${BATCH}.`, { min: 1, max: BATCH })),
    active: positional(sourceKeys.active),
    stop: sourceKeys.stop,
  },
  drops: {},
  handlers: sourceHandlers,
} as const satisfies Spec;

/**
 * For experiments and for measuring. The packet is given as it is, without a look at it: put CheckIPHeader behind.
 * Click's unit is the same, one BURST whenever it is scheduled, so a large BURST is much faster.
 *
 * @example
 *   InfiniteSource(LIMIT 1000000, BURST 256, STOP true) -> Counter -> Discard;
 */
export class InfiniteSource extends Generator<typeof spec> {
  static readonly spec = spec;

  override pull(max: number): boolean {
    this.give(Math.min(max, this.config.burst));
    return this.active && this.count < this.limit;
  }
}
