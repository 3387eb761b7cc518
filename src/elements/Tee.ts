import type { Batch } from '../packet/batch.js';
import { Element } from '../pipeline/element.js';
import { anyPorts, type Spec } from '../pipeline/spec.js';
import { count, optional, positional } from '../pipeline/values.js';

const spec = {
  summary: 'sends a copy of each packet to every output',
  inputs: { in: 'packets' },
  outputs: anyPorts('the packets on output 0, copies of them on the others'),
  config: { n: positional(optional(count(undefined, 'How many outputs there must be.', { min: 1 }))) },
  validate: ({ n }, { outputs }) =>
    n !== undefined && n !== outputs ? `N is ${n}, but ${outputs} outputs are connected` : undefined,
  drops: { 'no-row': 'a copy for which the packet table had no room', unconnected: 'no output is connected' },
  effect: 'copies',
  workers: 'each',
} as const satisfies Spec;

/**
 * Each copy has bytes and facts of its own, so that what happens to one does not show in the others.
 * A turn has room for a bounded number of packets; copies beyond it are dropped, the packets themselves never.
 *
 * @example
 *   FromDump(in.pcap) -> t :: Tee -> Discard;
 *   t[1] -> Counter -> Discard;
 */
export class Tee extends Element<typeof spec> {
  static readonly spec = spec;

  override push(batch: Batch): void {
    const { out, packets } = this;
    if (out.length === 0) {
      this.drops.unconnected.addAll(batch);
      return;
    }
    for (let port = 1; port < out.length; port++) {
      for (let i = 0; i < batch.count; i++) {
        const copy = packets.copy(batch.rows[i]!);
        if (copy === -1) this.drops['no-row'].lose(1);
        else out[port]!.add(copy);
      }
    }
    out[0]!.addAll(batch);
  }
}
