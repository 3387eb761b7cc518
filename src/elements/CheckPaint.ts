import type { Batch } from '../packet/batch.js';
import { Element } from '../pipeline/element.js';
import { anyPorts, type Spec } from '../pipeline/spec.js';
import { count, positional } from '../pipeline/values.js';

const spec = {
  summary: 'tells packets of one color from the others',
  inputs: { in: 'painted packets' },
  outputs: anyPorts('packets of the color; the others on output 1, if that is connected'),
  config: { color: positional(count(undefined, 'The color, 0 to 255.', { max: 255 })) },
  validate: (_, { outputs }) => (outputs < 1 || outputs > 2 ? 'it has one or two outputs' : undefined),
  drops: { 'other-color': 'it has another color, and output 1 is not connected' },
  workers: 'each',
} as const satisfies Spec;

/**
 * Colors are how one part of a graph leaves a note for another; this is where the note is read.
 *
 * @example
 *   FromDump(in.pcap) -> Paint(1) -> CheckPaint(1) -> Discard;
 */
export class CheckPaint extends Element<typeof spec> {
  static readonly spec = spec;

  override push(batch: Batch): void {
    const { paint } = this.packets;
    const [same, other = this.drops['other-color']] = this.out;
    for (let i = 0; i < batch.count; i++) {
      const row = batch.rows[i]!;
      (paint[row] === this.config.color ? same! : other).add(row);
    }
  }
}
