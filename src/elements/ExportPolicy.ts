import { Images } from '../farm/images.js';
import { LearntNames } from '../farm/names.js';
import { Claims } from '../farm/policy/claims.js';
import { Departure } from '../farm/policy/departure.js';
import { Exit, REFUSALS } from '../farm/policy/exit.js';
import { isReply } from '../farm/policy/facts.js';
import { ceilingInForce, InForce, type Mail, wrongWith } from '../farm/policy/in-force.js';
import { Judge, type Outcome, PolicyNumbers } from '../farm/policy/judge.js';
import { Policy } from '../farm/policy/policy.js';
import { refuse } from '../farm/policy/reset.js';
import { Rewrites } from '../farm/policy/rewrites.js';
import { type CloneRecord, noteVerdict, Universes } from '../farm/universes.js';
import type { Batch } from '../packet/batch.js';
import { FLOW } from '../packet/flow.js';
import { REWRITE } from '../packet/rewrite/column.js';
import { VERDICT } from '../packet/verdict.js';
import { Element, type Setup } from '../pipeline/element.js';
import { seedBytes } from '../pipeline/seed.js';
import type { Spec } from '../pipeline/spec.js';
import { choice, count, fileValue } from '../pipeline/values.js';

const spec = {
  summary: 'decides what becomes of each flow that a clone sends packets of',
  inputs: { in: 'packets of clones, from the inside output of a flow table' },
  outputs: {
    forward: 'packets that may leave',
    reflect: 'packets that the farm is to answer itself',
    redirect: 'packets for a machine of the image that the rule names, and refusals for the clone itself',
    drop: 'packets that go nowhere',
  },
  config: {
    policy: fileValue('export policy', 'Ordered rules: match -> verdict. See docs/policy.md.', {
      read: (text, file) => new Policy(text, file),
    }),
    mail: choice(
      ['deny', 'allow'],
      'deny',
      'Whether mail may leave, which is TCP to port 25, if the ceiling of the policy names that port.',
    ),
    decisions: count(4096, 'Decisions that are remembered for those who ask later.', { min: 1, max: 1 << 16 }),
    destinations: count(1 << 18, 'Outside addresses that quotas count for at once.', { min: 1, max: 1 << 24 }),
    rate: count(100_000, 'Most packets that may leave in a second. One more, and export is stopped.', { min: 1 }),
  },
  drops: {
    universe: 'its universe is gone',
    ...REFUSALS,
    borrowed: 'it begins a flow of a clone that nobody outside has contacted, whose address may belong to somebody',
    fragment: 'a later fragment of a flow about which nothing is decided now',
    quota: 'its flow goes on, but has used up its packets or bytes for now',
    stopped: 'it may leave, but export is stopped, and a person has not lifted that yet',
    failed: 'policy could not be evaluated for it; export is stopped',
  },
  metrics: {
    decisions: {
      kind: 'counter',
      doc: 'flows decided, by verdict',
      label: { name: 'verdict', values: ['forward', 'reflect', 'redirect', 'drop', 'reset'] },
    },
    quotas_reached: {
      kind: 'counter',
      doc: 'flows and packets that were over a quota, by what it counts',
      label: { name: 'measure', values: ['flows', 'destinations', 'packets', 'bytes'] },
    },
    ceiling_breaches: {
      kind: 'counter',
      doc: 'packets that were about to leave though the ceiling does not allow it, which should never be',
    },
    policies_refused: { kind: 'counter', doc: 'policies that were to be put into force and had errors' },
    counted: {
      kind: 'gauge',
      doc: 'keys for which quotas have counters, by level',
      label: { name: 'level', values: ['clone', 'universe', 'destination'] },
    },
  },
  handlers: {
    rules: { read: 'the rules and how many flows each has decided, a line each' },
    policy: {
      read: 'the file in force, and how many rules it has',
      write: 'puts another file into force, or `reload` the same again; if it has errors, nothing changes',
    },
    decisions: {
      read: 'the decisions made last, the latest first, a line each: time, verdict, rule, flow, and how quotas stood',
      write: 'which of them to read: an address, `clone N`, `universe N`, or `all`',
    },
    stop_export: {
      read: '`true` while export is stopped',
      write: 'stops export, for the reason written; only `potemkin allow-export` lifts that',
    },
  },
  validate: ({ policy, mail }) => wrongWith(policy as Policy, mail as Mail),
  containment: { role: 'guard', licenses: 'forward' },
  workers: () => 'what may leave is counted by one worker',
} as const satisfies Spec;

/** Seconds between two looks for counters that nobody needs any more. */
const ROUND = 10;

/**
 * Nothing leaves without a rule that says so. A flow is decided by its first packet; the flow table keeps the verdict for
 * the rest. Rules are tried in order, the first that matches decides, and what none matches is dropped. The language is
 * described in docs/policy.md; `potemkin policy` checks and explains a file.
 *
 * A policy can be replaced while it is in force: write a file's name, or `reload`, to the handler `policy`. Flows that are
 * open are then decided anew with their next packet. Limits that the same rule had before go on counting.
 *
 * While export is stopped (docs/containment.md) all goes on but one thing: what may leave is dropped. More than RATE packets
 * that leave in a second, and a policy that cannot be evaluated, stop it.
 *
 * `potemkin check` refuses a graph in which packets of clones could reach a tunnel or a device other than by the
 * forward output, and one in which it could not know what it judges: it must get what comes out of the inside output of one flow
 * table, all in the same turn, and nothing else.
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
  private readonly learnt: LearntNames;
  private readonly judge: Judge;
  private readonly inForce: InForce;
  private readonly departure: Departure;
  /** Whether the row in hand has decided its flow anew. */
  private anew = false;

  constructor(setup: Setup<typeof spec>) {
    super(setup);
    const { packets, services, metrics, drops, name: element } = this;
    const { policy, mail, decisions, destinations, rate } = this.config;
    const claims = services.shared(Claims);
    const universes = services.shared(Universes);
    const images = services.shared(Images);
    const rewrites = services.shared(Rewrites);
    this.universes = universes;
    this.images = images;
    this.learnt = services.shared(LearntNames);
    for (const name of policy.images) images.want(name);
    const exit = new Exit(packets, ceilingInForce(policy, mail));
    const judge = new Judge(policy, {
      packets,
      exit,
      seed: seedBytes(services.seed, element),
      decisions,
      destinations,
      numbers: services.shared(PolicyNumbers),
      rewrites,
    });
    this.judge = judge;
    this.inForce = new InForce({
      judge,
      exit,
      images,
      rewrites,
      mail,
      onRefusal: () => metrics.policies_refused.add(1),
    });
    this.departure = new Departure({
      packets,
      exit,
      judge,
      claims,
      universes,
      killSwitch: services.killSwitch,
      element,
      rate,
      drops,
      onBreach: () => metrics.ceiling_breaches.add(1),
    });
    universes.onClose(({ id }) => judge.endUniverse(id));
  }

  override start(): void {
    this.inForce.requireRewriter();
    this.services.clock.every(ROUND, () => {
      this.judge.sweep(this.now());
      for (const level of ['clone', 'universe', 'destination'] as const)
        this.metrics.counted[level].set(this.judge.counted(level));
    });
  }

  override push(batch: Batch): void {
    const { judge, departure } = this;
    const now = this.now();
    departure.begin();
    judge.prepare(batch, now);
    for (let i = 0; i < batch.count; i++) {
      const row = batch.rows[i]!;
      this.anew = false;
      try {
        if ((this.packets.flowState[row]! & FLOW.data) !== 0) this.noteData(row);
        if (judge.isDecided(row) ? !this.meter(row, now) : !this.decide(row, now)) continue;
      } catch (error) {
        departure.stop(`policy error: ${error}`);
        this.drops.failed.add(row);
        continue;
      }
      this.send(row);
      judge.release(row);
    }
    departure.leave(now, this.out.forward);
  }

  /** Writes what policy decides into the row. False if the row has ended. */
  private decide(row: number, now: number): boolean {
    const { packets, judge } = this;
    const { policy } = judge;
    if (judge.isPart(row)) {
      this.drops.fragment.add(row);
      return false;
    }
    const universe = this.universes.get(packets.universe[row]!);
    if (!universe) {
      this.drops.universe.add(row);
      return false;
    }
    const clone = universe.clones.get(packets.src[row]!);
    const outcome = judge.decide(
      row,
      {
        kind: universe.kind,
        source: universe.source,
        depth: universe.depth,
        contacted: clone !== undefined && clone.parent === undefined,
        image: policy.imageNumber(clone && this.images.name(clone.image)),
        toClone: universe.clones.has(packets.dst[row]!),
        names: policy.names.length > 0 ? policy.namesOf(this.learnt.of(universe.id, packets.dst[row]!)) : 0,
      },
      now,
      clone,
    );
    this.anew = !outcome.first;
    if (outcome.passing) {
      this.reportLimit(row, outcome);
      this.drops.quota.add(row);
      return false;
    }
    this.report(row, outcome, clone);
    return true;
  }

  /** Counts a row of a decided flow. False if the row has ended. */
  private meter(row: number, now: number): boolean {
    const outcome = this.judge.meter(row, now);
    if (outcome) this.reportLimit(row, outcome);
    if (outcome?.passing) this.drops.quota.add(row);
    return !outcome?.passing;
  }

  /** Sends a row of a decided flow where its verdict says. */
  private send(row: number): void {
    const { packets } = this;
    const rewrite = this.judge.rewriteOf(row);
    packets.rewrite[row] = rewrite && this.anew ? rewrite | REWRITE.anew : rewrite;
    switch (packets.verdict[row]) {
      case VERDICT.forward:
        this.departure.add(row);
        break;
      case VERDICT.reflect:
        this.out.reflect.add(row);
        break;
      case VERDICT.redirect:
        // Also later packets need it: a sink is no clone that the farm would know by its address.
        packets.image[row] = this.images.target(this.judge.stepOf(row)!.action.image!) + 1;
        this.out.redirect.add(row);
        break;
      case VERDICT.reset:
        if (refuse(packets, row)) this.out.redirect.add(row);
        else this.out.drop.add(row);
        break;
      default:
        this.out.drop.add(row);
    }
  }

  /** The first data that a clone sends by a flow is held against what it was sent, whatever becomes of the flow. */
  private noteData(row: number): void {
    const { packets } = this;
    const clone = this.universes.get(packets.universe[row]!)?.clones.get(packets.src[row]!);
    if (clone?.id === packets.clone[row]) clone?.evidence?.sends(packets, row);
  }

  /** A flow is decided. */
  private report(row: number, outcome: Outcome, clone: CloneRecord | undefined): void {
    const { packets } = this;
    const { step, over, first } = outcome;
    if (over) this.metrics.quotas_reached[over.limit.measure].add(1);
    this.inForce.count(step);
    this.metrics.decisions[step.action.verdict].add(1);
    const reply = isReply(packets.flowState[row]!);
    if (!reply && first && clone) {
      clone.opened++;
      noteVerdict(clone, step.rule.place, step.action.verdict);
      clone.evidence?.opens(packets.dst[row]!, step.action.verdict, over !== undefined);
    }
    if (!reply || over) this.tell(row, outcome);
  }

  /** A packet of a flow that goes on is over a limit. */
  private reportLimit(row: number, outcome: Outcome): void {
    this.metrics.quotas_reached[outcome.over!.limit.measure].add(1);
    if (outcome.news) this.tell(row, outcome);
  }

  private tell(row: number, { step, over, used, passing }: Outcome): void {
    const { packets } = this;
    const verdict = passing ? 'drop' : step.action.verdict;
    this.services.event({
      kind: 'verdict',
      clone: packets.clone[row]!,
      universe: packets.universe[row]!,
      verdict: this.departure.stopped && verdict === 'forward' ? 'stopped' : verdict,
      rule: step.rule.place,
      ...(over && { quota: `${over.limit.text}: ${used} of ${over.limit.most} used` }),
      source: packets.src[row]!,
      target: packets.dst[row]!,
      proto: packets.proto[row]!,
      port: packets.dport[row]!,
    });
  }

  override settle(): void {
    this.judge.settle();
    this.departure.settle();
  }

  override handlers() {
    return {
      ...this.inForce.handlers(),
      stop_export: {
        read: () => String(this.services.killSwitch.stopped),
        write: (text: string) => this.departure.stop(text.trim() || 'by its handler'),
      },
    };
  }
}
