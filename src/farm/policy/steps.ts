import { VERDICT } from '../../packet/verdict.js';
import type { Action } from './actions.js';
import { CLASSES, concerns, isPerPacket, type Limit } from './limits.js';
import { Meter } from './meter.js';
import { BORROWED_RULE, DEFAULT_RULE, MAIL_RULE, type Policy, type Rule } from './policy.js';
import type { Rewrites } from './rewrites.js';

/** An action of a policy that is in force: with its meters, and a number that flows remember. */
export interface Step {
  readonly number: number;
  readonly rule: Rule;
  readonly action: Action;
  readonly verdict: number;
  /** What the column `rewrite` is to be for packets of the flow. */
  readonly rewrite: number;
  /** By class of protocol: meters that count a flow once, and those that count each of its packets. */
  readonly once: readonly (readonly Meter[])[];
  readonly each: readonly (readonly Meter[])[];
  /** Whether `each` counts anything. */
  readonly metered: boolean;
  readonly otherwise: Step | undefined;
}

/** All steps of a policy. */
export interface Steps {
  /** By number. */
  readonly all: readonly Step[];
  /** The first step of each rule, and of the default one. */
  readonly first: readonly Step[];
  /** That of the rule which applies before all. */
  readonly mail: Step;
  /** That of the rule which applies where another one would lend somebody's address to a clone. */
  readonly borrowed: Step;
  /** By what they count, so that the same limit of the same rule goes on counting when a policy is read again. */
  readonly meters: ReadonlyMap<string, Meter>;
  /** Whether some step counts packets or bytes, and whether one counts something by destination. */
  readonly metered: boolean;
  readonly byDestination: boolean;
}

/** Makes the steps of a policy. Meters that counted the same before are taken over. */
export function makeSteps(policy: Policy, rewrites: Rewrites, before: ReadonlyMap<string, Meter> = new Map()): Steps {
  const all: Step[] = [];
  const meters = new Map<string, Meter>();

  const meter = (rule: Rule, limit: Limit): Meter => {
    let name = [...rule.sections, rule.match, limit.text].join('\n');
    while (meters.has(name)) name += '\n';
    const made = before.get(name) ?? new Meter(limit);
    meters.set(name, made);
    return made;
  };
  const step = (rule: Rule, action: Action): Step => {
    const mine = action.limits.map((limit) => meter(rule, limit));
    const ofClass = (wanted: (limit: Limit) => boolean) => {
      const lists = CLASSES.map((_, of) => mine.filter(({ limit }) => wanted(limit) && concerns(limit, of)));
      // Lists that are alike are one, so that packets of several protocols are counted together.
      return lists.map(
        (list) => lists.find((other) => other.length === list.length && other.every((meter, i) => meter === list[i]))!,
      );
    };
    const each = ofClass(isPerPacket);
    const otherwise = action.otherwise && step(rule, action.otherwise);
    const made: Step = {
      number: all.length,
      rule,
      action,
      verdict: VERDICT[action.verdict],
      rewrite: rewrites.column(action.rewrite),
      once: ofClass((limit) => !isPerPacket(limit)),
      each,
      metered: each.some((list) => list.length > 0),
      otherwise,
    };
    all.push(made);
    return made;
  };
  const first = [...policy.rules, DEFAULT_RULE].map((rule) => step(rule, rule.action));
  const mail = step(MAIL_RULE, MAIL_RULE.action);
  const borrowed = step(BORROWED_RULE, BORROWED_RULE.action);
  const byDestination = [...meters.values()].some(({ limit }) => limit.level === 'destination');
  return { all, first, mail, borrowed, meters, metered: all.some(({ metered }) => metered), byDestination };
}
