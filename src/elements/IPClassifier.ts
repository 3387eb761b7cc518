import type { Batch } from '../packet/batch.js';
import { compile, type Pattern } from '../packet/pattern/pattern.js';
import { Element } from '../pipeline/element.js';
import { pattern } from '../pipeline/patterns.js';
import { anyPorts, type Spec } from '../pipeline/spec.js';
import { rest } from '../pipeline/values.js';

const spec = {
  summary: 'chooses an output by the first pattern that a packet matches',
  inputs: { in: 'packets whose headers were checked' },
  outputs: anyPorts('packets that match the pattern of this number, and none before it'),
  config: { patterns: rest(pattern('One pattern for each output.')) },
  validate: ({ patterns }, { outputs }) => {
    const { length } = patterns as readonly Pattern[];
    return length === outputs ? undefined : `${length} patterns need as many outputs, but ${outputs} are connected`;
  },
  drops: { unmatched: 'it matches no pattern' },
  handlers: { program: { read: 'the steps by which packets are classified' } },
  workers: 'each',
} as const satisfies Spec;

/**
 * Patterns are Click's, in the manner of tcpdump. Primitives:
 *
 * | pattern | matches |
 * | --- | --- |
 * | `ip proto PROTO`, or `tcp`, `udp`, `icmp`, `gre` … alone | the protocol, by name or number |
 * | `[ENDS] host ADDRESS`, or an address alone | packets from or to it |
 * | `[ENDS] net A.B.C.D/BITS` (or `/MASK`, or `A.B.C.D mask MASK`), or a prefix alone | packets from or to it |
 * | `[ENDS] [tcp \| udp] port PORT`, or a service name alone | packets from or to the port |
 * | `ip vers N`, `ip hl N`, `ip tos N`, `ip dscp N`, `ip len N`, `ip id N`, `ip ttl N` | header fields |
 * | `ip frag`, `ip unfrag`, `ip ect`, `ip ce` | fragments or whole packets; congestion marks |
 * | `tcp opt syn` (`fin`, `rst`, `psh`, `ack`, `urg`, `ece`, `cwr`), or the name alone | TCP flags that are set |
 * | `tcp win N`, `icmp type TYPE` | fields of these headers |
 * | `ip[POS:LEN] N`, `tcp[POS:LEN] N`, `transp[POS:LEN] N` | bytes of the header; one if LEN is missing |
 * | `true`, `false`; alone `-`, `all`, `any`, `none` | everything or nothing |
 *
 * ENDS is `src`, `dst`, `src or dst` (the default) or `src and dst`. Primitives are joined by `and` (or nothing), `or`,
 * `not`, `? :` and parentheses; `&&`, `||` and `!` do as well. Before a value may stand `=`, `!=`, and for numbers `<`, `>`,
 * `<=`, `>=`, and before these a mask: `tcp[13] & 2 != 0`. What repeats may be left out: `src port 80 or 443`.
 *
 * Ports, TCP options and all that is in a transport header is looked for in first fragments of the right protocol only,
 * so `port != 80` is about TCP and UDP, while `not port 80` holds for everything else too. Comparisons with bytes that
 * a packet does not have fail.
 *
 * @example
 *   FromDump(in.pcap) -> c :: IPClassifier(dst tcp port 80 or 443, icmp type echo, -);
 *   c[0] -> Discard; c[1] -> Discard; c[2] -> Discard;
 */
export class IPClassifier extends Element<typeof spec> {
  static readonly spec = spec;
  private readonly classifier = compile(this.config.patterns);

  override push(batch: Batch): void {
    const { out } = this;
    const { rows, count } = batch;
    const results = this.classifier.classifyRows(this.packets, rows, count);
    for (let i = 0; i < count; i++) {
      const number = results[i]!;
      if (number < out.length) out[number]!.add(rows[i]!);
      else this.drops.unmatched.add(rows[i]!);
    }
  }

  override handlers() {
    return { program: { read: () => this.classifier.describe() } };
  }
}
