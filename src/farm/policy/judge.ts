import { Batch } from '../../packet/batch.js';
import { ROWS } from '../../packet/columns.js';
import { FLOW } from '../../packet/flow.js';
import type { Packets } from '../../packet/packets.js';
import { VERDICT } from '../../packet/verdict.js';
import { Counters } from './counters.js';
import { Decisions, Readings } from './decisions.js';
import type { Exit } from './exit.js';
import { isBorrowed, isReply, loadFacts, makeFacts, type Sender } from './facts.js';
import type { Owner } from './ledger.js';
import { type Level, protocolClass } from './limits.js';
import type { Meter } from './meter.js';
import { Payments } from './payments.js';
import type { Policy } from './policy.js';
import type { Rewrites } from './rewrites.js';
import { makeSteps, type Step, type Steps } from './steps.js';

/**
 * Parts of the column `decision`: the number of the policy that decided, whether it did before any payload was seen, how
 * many of the policy's ages the flow had reached, and the number of the step.
 */
const POLICY_AT = 21;
const EARLY = 1 << 20;
const AGE_AT = 16;
const AGE_MASK = 15;
const STEP_MASK = 0xffff;

/** Numbers policies: each of a graph's policies, and each version of one, gets another number. */
export class PolicyNumbers {
  private readonly steps = new Map<number, readonly Step[]>();
  private last = 0;

  next(steps: readonly Step[]): number {
    this.last = (this.last % ((1 << (32 - POLICY_AT)) - 1)) + 1;
    this.steps.set(this.last, steps);
    return this.last;
  }

  forget(number: number): void {
    this.steps.delete(number);
  }

  /** The step that the column `decision` tells of; undefined if it tells of none, or of a policy that is long gone. */
  stepOf(decision: number): Step | undefined {
    return this.steps.get(decision >>> POLICY_AT)?.[decision & STEP_MASK];
  }
}

export interface JudgeOptions {
  readonly packets: Packets;
  readonly numbers: PolicyNumbers;
  readonly exit: Exit;
  readonly rewrites: Rewrites;
  /** 16 bytes that make hashes unpredictable. */
  readonly seed: Uint8Array;
  /** Decisions that are remembered for people. */
  readonly decisions: number;
  /** Destinations that are counted for at once. */
  readonly destinations: number;
}

/** What was decided about a packet; good until the next call. */
export interface Outcome {
  /** The step of the policy that holds for the flow. */
  step: Step;
  /** The packet is over a limit of packets or bytes, and the flow goes on as it was: the packet alone is dropped. */
  passing: boolean;
  /** Whether it is about a flow, and that one had not been decided before. */
  first: boolean;
  /** The limit that was reached, if one was; how much of it was used; and whether that is news: once a window. */
  over: Meter | undefined;
  used: number;
  news: boolean;
}

/** Whether a step's limits lead to a reset, which ends a flow wherever it is. */
const resets = ({ otherwise }: Step): boolean => otherwise?.action.verdict === 'reset';
const drops = ({ otherwise }: Step): boolean => otherwise?.action.verdict === 'drop';

/**
 * Holds flows against the policy in force. A flow is decided by its first packet; the flow table keeps the verdict, and which
 * decision that was. It is decided anew when a policy is read again, when it has reached an age that a rule asks for, and
 * with its first payload if a rule asks for that.
 */
export class Judge {
  readonly decisions: Decisions;
  policy!: Policy;
  private readonly packets: Packets;
  private readonly numbers: PolicyNumbers;
  private readonly exit: Exit;
  private readonly rewrites: Rewrites;
  private readonly counters: Counters;
  private readonly facts = makeFacts();
  private readonly readings = new Readings();
  private steps!: Steps;
  private number = 0;
  /** The policy before this one, whose flows are not counted again for limits that stayed. */
  private before: { readonly number: number; readonly steps: readonly Step[] } | undefined;
  /** The step that a row's flow was decided by, as it was found last. */
  private readonly held: (Step | undefined)[] = new Array(ROWS).fill(undefined);
  /** Rows that were counted already, by row; which are counted together; whose destination is likely to be asked for. */
  private readonly paid = new Uint8Array(ROWS);
  private readonly payments = new Payments();
  private readonly expected = new Batch();
  /** Decisions of this turn by flow; the flow table does not know them yet. */
  private readonly fresh = new Map<number, number>();
  private readonly outcome: Outcome;
  /** The row that is decided alone now, and what held for its flow. */
  private readonly lent = { row: -1, verdict: 0, decision: 0 };

  constructor(policy: Policy, { packets, numbers, exit, rewrites, seed, decisions, destinations }: JudgeOptions) {
    this.packets = packets;
    this.exit = exit;
    this.numbers = numbers;
    this.rewrites = rewrites;
    this.decisions = new Decisions(decisions);
    this.counters = new Counters(packets, destinations, seed);
    this.install(policy);
    const step = this.steps.all[0]!;
    this.outcome = { step, passing: false, first: false, over: undefined, used: 0, news: false };
  }

  /** Puts a policy into force. Limits that a rule had before go on counting. */
  install(policy: Policy): void {
    if (this.before) this.numbers.forget(this.before.number);
    if (this.number > 0) this.before = { number: this.number, steps: this.steps.all };
    this.steps = makeSteps(policy, this.rewrites, this.before && this.steps.meters);
    this.policy = policy;
    this.number = this.numbers.next(this.steps.all);
    this.counters.install([...this.steps.meters.values()]);
    this.fresh.clear();
  }

  /**
   * Counts packets of decided flows, those together whose meters are the same, and looks up together what the first packets of
   * flows are likely to be metered by. Call it first for each batch.
   */
  prepare(batch: Batch, now: number): void {
    const { held, paid } = this;
    const { rows, count } = batch;
    for (let i = 0; i < count; i++) {
      const row = rows[i]!;
      held[row] = this.holding(row);
      paid[row] = 0;
    }
    if (this.steps.metered) this.pay(batch, now);
  }

  private pay({ rows, count }: Batch, now: number): void {
    const { held, paid, payments, expected, packets, counters } = this;
    const { flowState, proto } = packets;
    const { byDestination } = this.steps;
    payments.clear();
    for (let i = 0; i < count; i++) {
      const row = rows[i]!;
      const step = held[row];
      if (step !== undefined) payments.add(step.each[protocolClass(proto[row]!)]!, row);
      // Nearly every reply is metered by its destination if anything is.
      else if (byDestination && isReply(flowState[row]!)) expected.add(row);
    }
    counters.begin();
    for (let i = 0; i < payments.size; i++) counters.take(payments.meters[i]!, payments.batches[i]!, now, paid);
    counters.look(expected, now);
    expected.clear();
  }

  /** The step that a row's flow was decided by, if that still holds. */
  private holding(row: number): Step | undefined {
    const { policy, packets } = this;
    const decision = packets.decision[row]!;
    const verdict = packets.verdict[row]!;
    if (decision >>> POLICY_AT !== this.number || verdict === VERDICT.undecided) return undefined;
    if (verdict === VERDICT.forward && this.isAlone(row)) return undefined;
    if (decision & EARLY && this.hasPayload(row)) return undefined;
    if (policy.ages.length > 0 && policy.ageClass(packets.age[row]!) !== ((decision >>> AGE_AT) & AGE_MASK))
      return undefined;
    return this.steps.all[decision & STEP_MASK];
  }

  /**
   * Whether a packet says nothing of its flow: an ICMP error about it has another protocol, and what another clone answers goes
   * another way. By itself each is decided, so that nothing leaves but what the rules say of that very packet.
   */
  private isAlone(row: number): boolean {
    const state = this.packets.flowState[row]!;
    return this.isError(row) || (state & (FLOW.reply | FLOW.fromOutside)) === FLOW.reply;
  }

  /**
   * What tells the flows of a turn apart. A SYN that follows a reset opens the same entry of the flow table anew, and what was
   * decided about the flow that has ended says nothing of the one that begins.
   */
  private flowOf(row: number): number {
    const { flow, flowState } = this.packets;
    return flow[row]! * 2 + (flowState[row]! & FLOW.known);
  }

  private isError(row: number): boolean {
    return (this.packets.flowState[row]! & FLOW.error) !== 0;
  }

  /** Whether nothing can be decided by a packet: a later fragment does not say what its flow is. */
  isPart(row: number): boolean {
    return this.packets.fragment[row]! > 1;
  }

  private hasPayload(row: number): boolean {
    const { packets } = this;
    return packets.fragment[row]! < 2 && packets.length[row]! > packets.payload[row]!;
  }

  /** Whether the flow of a row of the batch is decided, before or in this turn; `verdict` then says how. */
  isDecided(row: number): boolean {
    const { packets } = this;
    const fresh = this.fresh.size > 0 ? this.fresh.get(this.flowOf(row)) : undefined;
    if (fresh === undefined) return this.held[row] !== undefined;
    // It was counted for what held before.
    this.paid[row] = 0;
    packets.decision[row] = fresh;
    packets.verdict[row] = this.steps.all[fresh & STEP_MASK]!.verdict;
    this.held[row] = this.holding(row);
    return this.held[row] !== undefined;
  }

  /** Whether the flow of a row was decided in this turn, so that the flow table does not know yet. */
  isFresh(row: number): boolean {
    return this.fresh.size > 0 && this.fresh.has(this.flowOf(row));
  }

  /** Counts a packet of a flow of which isDecided() was true. @returns the outcome if it is over a limit, else nothing. */
  meter(row: number, now: number): Outcome | undefined {
    const step = this.held[row]!;
    if (!step.metered || this.paid[row] !== 0) return undefined;
    const { packets, outcome, counters } = this;
    const meters = step.each[protocolClass(packets.proto[row]!)]!;
    if (counters.admit(meters, 0, row, now)) {
      counters.add(meters, 0, row, now);
      return undefined;
    }
    outcome.first = false;
    this.noteLimit();
    outcome.passing = !resets(step);
    outcome.step = outcome.passing ? step : step.otherwise!;
    if (!outcome.passing) this.remember(row, outcome.step);
    if (outcome.news) {
      this.readings.clear();
      this.readings.add(counters.over!, counters.used);
      this.record(row, now);
    }
    return outcome;
  }

  private noteLimit(): void {
    const { outcome, counters } = this;
    outcome.over = counters.over;
    outcome.used = counters.used;
    outcome.news = counters.news;
  }

  /**
   * Decides about a row's flow, and counts it. Writes the columns `verdict` and `decision`, unless the packet alone is over
   * a limit. If it is decided about the packet alone they are good until release().
   * @param owner the clone, whose counters are given up when it is gone
   */
  decide(row: number, sender: Sender, now: number, owner: Owner | undefined): Outcome {
    const { packets, outcome, counters, readings } = this;
    loadFacts(this.facts, packets, row, sender);
    const of = protocolClass(packets.proto[row]!);
    const earlier = this.earlierStep(row);
    readings.clear();
    const alone = this.isAlone(row);
    outcome.first = earlier === undefined && !alone;
    outcome.over = undefined;
    outcome.passing = false;
    outcome.step = this.firstStep(row, sender);
    for (; ; outcome.step = outcome.step.otherwise!) {
      const { step } = outcome;
      // What was counted for this flow is not counted for it again. An error has a protocol of its own.
      const counted = this.isError(row) ? undefined : earlier?.once[of];
      const once = counted ? step.once[of]!.filter((meter) => !counted.includes(meter)) : step.once[of]!;
      const each = step.each[of]!;
      if (once.length + each.length === 0) break;
      const admitted =
        counters.admit(once, 0, row, now, owner, readings) &&
        counters.admit(each, once.length, row, now, owner, readings);
      if (admitted) {
        counters.add(once, 0, row, now);
        counters.add(each, once.length, row, now);
        break;
      }
      this.noteLimit();
      // Packets and bytes may soon be within the limit again. So the flow stays as it is if it is only to be dropped, or is
      // in the middle of something that no other machine could go on with.
      outcome.passing = each.includes(outcome.over!) && !resets(step) && (!outcome.first || drops(step));
      if (outcome.passing) break;
    }
    if (!outcome.passing && alone) this.lend(row);
    if (!outcome.passing) this.remember(row, outcome.step, !alone);
    if (!outcome.passing || outcome.news) this.record(row, now);
    return outcome;
  }

  /** Where the decision about a row begins: with the first rule that matches, or one of those that no policy can change. */
  private firstStep(row: number, sender: Sender): Step {
    const { steps, facts } = this;
    if (this.exit.isMailReply(row)) return steps.mail;
    const step = steps.first[this.policy.find(facts, this.packets, row)]!;
    return isBorrowed(facts, sender) && step.verdict === VERDICT.forward ? steps.borrowed : step;
  }

  /** The step that decided about a row's flow, if one has. */
  stepOf(row: number): Step | undefined {
    return this.packets.verdict[row] === VERDICT.undecided ? undefined : this.earlierStep(row);
  }

  /** What the column `rewrite` is to be for a row of a decided flow. */
  rewriteOf(row: number): number {
    return this.policy.rewrites ? (this.stepOf(row)?.rewrite ?? 0) : 0;
  }

  private earlierStep(row: number): Step | undefined {
    const decision = this.packets.decision[row]!;
    const number = decision >>> POLICY_AT;
    if (number === this.number) return this.steps.all[decision & STEP_MASK];
    return number === this.before?.number ? this.before.steps[decision & STEP_MASK] : undefined;
  }

  private lend(row: number): void {
    const { lent, packets } = this;
    lent.row = row;
    lent.verdict = packets.verdict[row]!;
    lent.decision = packets.decision[row]!;
  }

  /** Ends a row's turn here: what was decided about it alone is not what holds for its flow. */
  release(row: number): void {
    const { lent, packets } = this;
    if (row !== lent.row) return;
    packets.verdict[row] = lent.verdict;
    packets.decision[row] = lent.decision;
    lent.row = -1;
  }

  /** Writes down that a flow is decided, or a packet of it alone. */
  private remember(row: number, step: Step, flow = true): void {
    const { packets, policy } = this;
    const early = policy.readsPayload && !this.hasPayload(row) ? EARLY : 0;
    const age = policy.ageClass(packets.age[row]!) << AGE_AT;
    packets.verdict[row] = step.verdict;
    packets.decision[row] = ((this.number << POLICY_AT) | early | age | step.number) >>> 0;
    if (flow && packets.flow[row] !== 0) this.fresh.set(this.flowOf(row), packets.decision[row]!);
  }

  private record(row: number, now: number): void {
    const { passing, step, over } = this.outcome;
    const { verdict: decided, rewrite } = step.action;
    const verdict = passing ? 'drop' : rewrite ? `rewrite then ${decided}` : decided;
    this.decisions.add(this.packets, row, now, verdict, step.rule.place, over, this.readings);
  }

  /** Ends the turn: the flow table knows now what was decided. */
  settle(): void {
    this.fresh.clear();
  }

  /** Frees the counters of a universe that has ended. */
  endUniverse(id: number): void {
    this.counters.endUniverse(id);
  }

  /** Frees the counters that nobody needs any more. For a call every few seconds. */
  sweep(now: number): void {
    this.counters.sweep(now);
  }

  /** Keys of a level for which there are counters now. */
  counted(level: Level): number {
    return this.counters.size(level);
  }
}
