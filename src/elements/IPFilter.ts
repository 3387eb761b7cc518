import { alike, type Batch } from '../packet/batch.js';
import { compile } from '../packet/pattern/pattern.js';
import { Element } from '../pipeline/element.js';
import { type Rule, rule } from '../pipeline/patterns.js';
import { anyPorts, type Spec } from '../pipeline/spec.js';
import { rest } from '../pipeline/values.js';

const spec = {
  summary: 'lets packets pass, or drops them, by the first rule whose pattern they match',
  inputs: { in: 'packets whose headers were checked' },
  outputs: anyPorts('packets of the rules that name it; output 0 is that of `allow`'),
  config: { rules: rest(rule('`allow`, `drop` or an output, then a pattern as in IPClassifier.')) },
  validate: ({ rules }, { outputs }) => {
    const list = rules as readonly Rule[];
    if (list.length === 0) return 'give at least one rule';
    const most = Math.max(...list.map(({ output }) => output));
    return most < outputs ? undefined : `a rule names output ${most}, but ${outputs} are connected`;
  },
  drops: { denied: 'a rule says so', unmatched: 'it matches no rule' },
  handlers: { program: { read: 'the steps by which packets are filtered' } },
  workers: 'each',
} as const satisfies Spec;

/**
 * A list of rules, each an action and a pattern; IPClassifier explains the patterns. `deny` is another word for `drop`.
 * What matches no rule is dropped too, under a reason of its own.
 *
 * @example
 *   FromDump(in.pcap) -> IPFilter(drop src net 10.0.0.0/8, allow tcp or udp, drop all) -> Discard;
 */
export class IPFilter extends Element<typeof spec> {
  static readonly spec = spec;
  private readonly classifier = compile(this.config.rules.map(({ pattern }) => pattern));

  override push(batch: Batch, _input: number, bytes: number): void {
    const { out, drops } = this;
    const { rules } = this.config;
    const results = this.classifier.classifyRows(this.packets, batch.rows, batch.count);
    const first = rules[results[0]!]?.output ?? -1;
    // A filter lets most batches pass as they are.
    if (first >= 0 && alike(results, batch.count)) {
      out[first]!.moveAll(batch, bytes);
      return;
    }
    for (let i = 0; i < batch.count; i++) {
      const row = batch.rows[i]!;
      const output = rules[results[i]!]?.output;
      if (output === undefined) drops.unmatched.add(row);
      else if (output < 0) drops.denied.add(row);
      else out[output]!.add(row);
    }
  }

  override handlers() {
    return { program: { read: () => this.classifier.describe() } };
  }
}
