import type { Batch } from '../packet/batch.js';
import { Element } from '../pipeline/element.js';
import { anyPorts, type Spec } from '../pipeline/spec.js';
import { custom, positional, ValueError } from '../pipeline/values.js';

const spec = {
  summary: 'sends all packets to one output, which can be changed while it runs',
  inputs: { in: 'packets' },
  outputs: anyPorts('all packets, while it is chosen'),
  config: {
    output: positional(
      custom('port, or a negative number', 0, 'The chosen output; a negative number drops all packets.', (text) => {
        if (!/^-?\d{1,5}$/.test(text)) throw new ValueError('expected a port number, or -1 to drop');
        return Number(text);
      }),
    ),
  },
  validate: ({ output }, { outputs }) => (Number(output) >= outputs ? `output ${output} is not connected` : undefined),
  drops: { 'switched-off': 'a negative output is chosen' },
  handlers: { switch: { read: 'the chosen output', write: 'chooses another' } },
  workers: 'each',
} as const satisfies Spec;

/**
 * A lever in the graph for people and scripts.
 *
 * @example
 *   FromDump(in.pcap) -> s :: Switch(1);
 *   s[0] -> Discard; s[1] -> Counter -> Discard;
 *   Script(wait 10s, write s.switch 0);
 */
export class Switch extends Element<typeof spec> {
  static readonly spec = spec;
  private chosen = this.config.output;

  override push(batch: Batch): void {
    (this.out[this.chosen] ?? this.drops['switched-off']).addAll(batch);
  }

  override handlers() {
    return {
      switch: {
        read: () => String(this.chosen),
        write: (text: string) => {
          const chosen = spec.config.output.parse(text.trim(), { folder: '.' });
          if (chosen >= this.out.length) throw new ValueError(`output ${chosen} is not connected`);
          this.chosen = chosen;
        },
      },
    };
  }
}
