import type { Batch } from '../packet/batch.js';
import { Element } from '../pipeline/element.js';
import { Random } from '../pipeline/random.js';
import { anyPorts, type Spec } from '../pipeline/spec.js';
import { boolean, fraction, optional, positional } from '../pipeline/values.js';

const spec = {
  summary: 'lets each packet pass with some probability',
  inputs: { in: 'packets' },
  outputs: anyPorts('the sample; the rest on output 1, if that is connected'),
  config: {
    p: positional(optional(fraction(undefined, 'Probability with which a packet passes.'))),
    sample: optional(fraction(undefined, 'The same as P.')),
    drop: optional(fraction(undefined, 'Probability with which a packet does not pass.')),
    active: boolean(true, 'Whether it chooses; if not, all packets pass.'),
  },
  validate: ({ p, sample, drop }, { outputs }) => {
    if ([p, sample, drop].filter((each) => each !== undefined).length !== 1) return 'give one of P, SAMPLE and DROP';
    return outputs < 1 || outputs > 2 ? 'it has one or two outputs' : undefined;
  },
  drops: { 'not-sampled': 'chance was against it, and output 1 is not connected' },
  handlers: {
    sampling_prob: { read: 'probability with which a packet passes', write: 'sets it' },
    drop_prob: { read: '1 minus the sampling probability', write: 'sets it' },
    active: { read: 'whether it chooses', write: 'true or false' },
    drops: { read: 'packets dropped' },
  },
} as const satisfies Spec;

const here = { folder: '.' };

/**
 * Chance comes from the seed of the run, so a replay with the same seed samples the same packets.
 *
 * @example
 *   FromDump(in.pcap) -> RandomSample(1%) -> Discard;
 * @example
 *   FromDump(in.pcap) -> s :: RandomSample(DROP 0.3);
 *   s[0] -> Discard; s[1] -> Counter -> Discard;
 */
export class RandomSample extends Element<typeof spec> {
  static readonly spec = spec;
  private readonly random = new Random(this.services.seed, this.name);
  private probability = this.config.p ?? this.config.sample ?? 1 - this.config.drop!;
  private active = this.config.active;

  override push(batch: Batch): void {
    const [sample, rest = this.drops['not-sampled']] = this.out;
    if (!this.active) {
      sample!.addAll(batch);
      return;
    }
    for (let i = 0; i < batch.count; i++) {
      (this.random.next() < this.probability ? sample! : rest).add(batch.rows[i]!);
    }
  }

  override handlers() {
    return {
      sampling_prob: {
        read: () => String(this.probability),
        write: (text: string) => {
          this.probability = spec.config.sample.parse(text.trim(), here)!;
        },
      },
      drop_prob: {
        read: () => String(1 - this.probability),
        write: (text: string) => {
          this.probability = 1 - spec.config.drop.parse(text.trim(), here)!;
        },
      },
      active: {
        read: () => String(this.active),
        write: (text: string) => {
          this.active = spec.config.active.parse(text.trim(), here);
        },
      },
      drops: { read: () => String(this.drops['not-sampled'].value) },
    };
  }
}
