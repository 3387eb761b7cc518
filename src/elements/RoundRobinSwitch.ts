import type { Batch } from '../packet/batch.js';
import { Element } from '../pipeline/element.js';
import { anyPorts, type Spec } from '../pipeline/spec.js';

const spec = {
  summary: 'deals packets out to its outputs in turn',
  inputs: { in: 'packets' },
  outputs: anyPorts('every n-th packet'),
  config: {},
  drops: { unconnected: 'no output is connected' },
} as const satisfies Spec;

/**
 * Spreads load evenly where it does not matter that packets of a flow part company. HashSwitch keeps them together.
 *
 * @example
 *   FromDump(in.pcap) -> s :: RoundRobinSwitch;
 *   s[0] -> Discard; s[1] -> Discard;
 */
export class RoundRobinSwitch extends Element<typeof spec> {
  static readonly spec = spec;
  private next = 0;

  override push(batch: Batch): void {
    const { out } = this;
    if (out.length === 0) {
      this.drops.unconnected.addAll(batch);
      return;
    }
    for (let i = 0; i < batch.count; i++) {
      out[this.next]!.add(batch.rows[i]!);
      if (++this.next === out.length) this.next = 0;
    }
  }
}
