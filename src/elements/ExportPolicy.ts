import { Images } from '../farm/images.js';
import { isReply, Policy, type Rule } from '../farm/policy.js';
import { noteVerdict, Universes } from '../farm/universes.js';
import type { Batch } from '../packet/batch.js';
import { FLOW } from '../packet/flow.js';
import { VERDICT } from '../packet/verdict.js';
import { Element, type Setup } from '../pipeline/element.js';
import type { Spec } from '../pipeline/spec.js';
import { fileValue } from '../pipeline/values.js';

const spec = {
  summary: 'decides what becomes of each flow that a clone sends packets of',
  inputs: { in: 'packets of clones, from the inside output of a flow table' },
  outputs: {
    forward: 'packets that may leave',
    reflect: 'packets that the farm is to answer itself',
    redirect: 'packets for a machine of the image that the rule names',
    drop: 'packets that go nowhere',
  },
  config: {
    policy: fileValue('export policy', 'Ordered rules, a line each: match -> verdict.', {
      read: (text, file) => new Policy(text, file),
    }),
  },
  drops: {
    universe: 'its universe is gone',
    collision: 'another universe has the same flow open towards the outside',
    options: 'it may leave but for its IP options, of which a source route would lead it elsewhere',
  },
  metrics: {
    decisions: {
      kind: 'counter',
      doc: 'flows decided, by verdict',
      label: { name: 'verdict', values: ['forward', 'reflect', 'redirect', 'drop'] },
    },
  },
  handlers: { rules: { read: 'the rules and how many flows each has decided, a line each' } },
  containment: { role: 'guard', licenses: 'forward' },
} as const satisfies Spec;

/**
 * Nothing leaves without a rule that says so. A flow is decided by its first packet, once; the flow table keeps the
 * verdict for the rest. Rules are tried in order, the first that matches decides, and what none matches is dropped.
 *
 * `potemkin check` refuses a graph in which packets of clones could reach a tunnel or a device other than by the
 * forward output.
 *
 * @example
 *   tunnel :: GreTunnel(LOCAL 192.0.2.2, REMOTE 192.0.2.1) -> CheckIPHeader -> [outside] flows :: FlowTable;
 *   flows[known] -> farm :: CloneFarm;
 *   flows[new] -> UniverseTagger -> bind :: Dispatcher(MAP addresses.map) -> farm;
 *   flows[stray] -> Discard;
 *   farm -> CheckIPHeader -> [inside] flows;
 *   flows[inside] -> export :: ExportPolicy(POLICY policies/reflect.policy);
 *   export[forward] -> tunnel;
 *   export[reflect] -> Reflector -> bind;
 *   export[redirect] -> farm;
 *   export[drop] -> Discard;
 */
export class ExportPolicy extends Element<typeof spec> {
  static readonly spec = spec;
  private readonly universes: Universes;
  private readonly images: Images;
  private readonly counts = new Map<Rule, number>();

  constructor(setup: Setup<typeof spec>) {
    super(setup);
    this.universes = this.services.shared(Universes);
    this.images = this.services.shared(Images);
    for (const name of this.config.policy.images) this.images.number(name);
  }

  override push(batch: Batch): void {
    const { packets } = this;
    const { verdict } = packets;
    for (let i = 0; i < batch.count; i++) {
      const row = batch.rows[i]!;
      if (verdict[row] === VERDICT.undecided && !this.decide(row)) continue;
      switch (verdict[row]) {
        case VERDICT.forward:
          // The flow table saw the other universe's flow, so this one was never known to the outside.
          if (packets.flowState[row]! & FLOW.collides) this.drops.collision.add(row);
          else if (packets.ipHeader[row]! > 20) this.drops.options.add(row);
          else this.out.forward.add(row);
          break;
        case VERDICT.reflect:
          this.out.reflect.add(row);
          break;
        case VERDICT.redirect:
          this.out.redirect.add(row);
          break;
        default:
          this.out.drop.add(row);
      }
    }
  }

  /** Writes the verdict of the rule that matches into the row. Drops the row if its universe is gone. */
  private decide(row: number): boolean {
    const { packets } = this;
    const universe = this.universes.get(packets.universe[row]!);
    if (!universe) {
      this.drops.universe.add(row);
      return false;
    }
    const rule = this.config.policy.decide(packets, row, universe);
    packets.verdict[row] = VERDICT[rule.verdict];
    if (rule.image !== undefined) packets.image[row] = this.images.number(rule.image) + 1;
    this.counts.set(rule, (this.counts.get(rule) ?? 0) + 1);
    if (rule.verdict !== 'undecided') this.metrics.decisions[rule.verdict].add(1);
    if (isReply(packets.flowState[row]!)) return true;
    const clone = universe.clones.get(packets.src[row]!);
    if (clone) {
      clone.opened++;
      noteVerdict(clone, rule.place, rule.verdict);
    }
    this.services.event({
      kind: 'verdict',
      clone: packets.clone[row]!,
      universe: universe.id,
      verdict: rule.verdict,
      rule: rule.place,
      source: packets.src[row]!,
      target: packets.dst[row]!,
      proto: packets.proto[row]!,
      port: packets.dport[row]!,
    });
    return true;
  }
  override handlers() {
    return {
      rules: {
        read: () =>
          this.config.policy.rules
            .map((rule) => `${rule.place}\t${rule.verdict}\t${this.counts.get(rule) ?? 0}`)
            .join('\n'),
      },
    };
  }
}
