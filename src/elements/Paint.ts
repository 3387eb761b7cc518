import type { Batch } from '../packet/batch.js';
import { Element } from '../pipeline/element.js';
import type { Spec } from '../pipeline/spec.js';
import { count, positional } from '../pipeline/values.js';

const spec = {
  summary: 'paints packets with a color, which is a number',
  inputs: { in: 'packets' },
  outputs: { out: 'the same packets, painted' },
  config: { color: positional(count(undefined, 'The color, 0 to 255.', { max: 255 })) },
  drops: {},
  handlers: { color: { read: 'the color', write: 'sets it' } },
  workers: 'each',
} as const satisfies Spec;

/**
 * A packet has one color; it keeps it until it is painted over. So where paths join, what a packet went through can
 * still be told: CheckPaint and PaintSwitch look at the color.
 *
 * @example
 *   FromDump(a.pcap) -> Paint(1) -> s :: PaintSwitch;
 *   FromDump(b.pcap) -> Paint(0) -> s;
 *   s[0] -> Discard; s[1] -> Discard;
 */
export class Paint extends Element<typeof spec> {
  static readonly spec = spec;
  private color = this.config.color;

  override push(batch: Batch, _input: number, bytes: number): void {
    const { paint } = this.packets;
    for (let i = 0; i < batch.count; i++) paint[batch.rows[i]!] = this.color;
    this.out.out.moveAll(batch, bytes);
  }

  override handlers() {
    return {
      color: {
        read: () => String(this.color),
        write: (text: string) => {
          this.color = spec.config.color.parse(text.trim(), { folder: '.' });
        },
      },
    };
  }
}
