import type { Batch } from '../packet/batch.js';
import { Element } from '../pipeline/element.js';
import { anyPorts, type Spec } from '../pipeline/spec.js';

const spec = {
  summary: 'sends each packet to the output that its color says',
  inputs: { in: 'painted packets' },
  outputs: anyPorts('packets of this color, and a copy of those painted 255'),
  config: {},
  drops: {
    unconnected: 'there is no output for its color',
    'no-row': 'a copy for which the packet table had no room',
  },
  effect: 'copies',
  workers: 'each',
} as const satisfies Spec;

/** The color that means every output. */
const ALL = 255;

/**
 * Packets of color 255 go to all outputs, as from a Tee.
 *
 * @example
 *   FromDump(in.pcap) -> Paint(1) -> s :: PaintSwitch;
 *   s[0] -> Discard; s[1] -> Discard;
 */
export class PaintSwitch extends Element<typeof spec> {
  static readonly spec = spec;

  override push(batch: Batch): void {
    const { out, packets } = this;
    for (let i = 0; i < batch.count; i++) {
      const row = batch.rows[i]!;
      const color = packets.paint[row]!;
      if (color === ALL && out.length > 0) this.toAll(row);
      else if (color < out.length) out[color]!.add(row);
      else this.drops.unconnected.add(row);
    }
  }

  private toAll(row: number): void {
    for (let port = 1; port < this.out.length; port++) {
      const copy = this.packets.copy(row);
      if (copy === -1) this.drops['no-row'].lose(1);
      else this.out[port]!.add(copy);
    }
    this.out[0]!.add(row);
  }
}
