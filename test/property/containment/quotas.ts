/** Counts by hand what quotas allow. */
import type { Look } from './bytes.js';
import { type Action, type Limit, PERIODS, type PolicyData, protocolOf, type Rule } from './policy-data.js';

interface Sender {
  readonly id: number;
  readonly universe: number;
}

/** What has left under one limit. */
interface Account {
  readonly limit: Limit;
  since: number;
  /** Flows that were counted, whoever for. */
  readonly flows: Set<string>;
  used: Map<string | number, { readonly at: number; readonly what: string | number; readonly amount: number }[]>;
}

const textOf = ({ protocol, measure, most, period, level }: Limit): string =>
  [protocol ?? 'any', measure, most, period, level].join(' ');

/** Limits of a policy under the names by which they go on counting when it is read again. */
function* limitsOf({ rules }: PolicyData): Generator<[string, Rule, Limit, boolean]> {
  const names = new Set<string>();
  for (const rule of rules) {
    const about = [...rule.sections.map(({ text }) => text), rule.condition.text];
    for (let action: Action | undefined = rule.action; action; action = action.otherwise) {
      for (const limit of action.limits) {
        let name = [...about, textOf(limit)].join('\n');
        while (names.has(name)) name += '\n';
        names.add(name);
        yield [name, rule, limit, action === rule.action];
      }
    }
  }
}

export class Quotas {
  private accounts = new Map<string, Account>();
  private byRule = new Map<Rule, Account[]>();
  /** The longest period for which destinations have been counted. */
  private longest = 0;

  constructor(policy: PolicyData, now: number) {
    this.install(policy, now);
  }

  /** Another policy is in force: what it says as the one before it goes on. */
  install(policy: PolicyData, now: number): void {
    const before = this.accounts;
    this.accounts = new Map();
    this.byRule = new Map();
    for (const [name, rule, limit, first] of limitsOf(policy)) {
      const account = before.get(name) ?? { limit, since: now, flows: new Set(), used: new Map() };
      this.accounts.set(name, account);
      if (first) this.byRule.set(rule, [...(this.byRule.get(rule) ?? []), account]);
    }
    const all = [...this.accounts.values()].filter(({ limit }) => limit.level === 'destination');
    const longest = Math.max(0, ...all.map(({ limit }) => PERIODS[limit.period]));
    if (longest <= this.longest) return;
    // Destinations are kept in a table that forgets them after the longest period; it is made anew for a longer one.
    this.longest = longest;
    for (const account of all) {
      account.since = now;
      account.used = new Map();
    }
  }

  /** Counts a packet that left by a rule. @returns the limit that it is beyond, if any */
  take(rule: Rule, packet: Look, sender: Sender, flow: string, now: number): string | undefined {
    for (const account of this.byRule.get(rule) ?? []) {
      const { limit, used, flows } = account;
      if (limit.protocol !== undefined && limit.protocol !== protocolOf(packet)) continue;
      const once = limit.measure === 'flows' || limit.measure === 'destinations';
      if (once && flows.has(flow)) continue;
      if (once) flows.add(flow);
      const key = { clone: sender.id, universe: sender.universe, destination: packet.dst, farm: 0 }[limit.level];
      const list = used.get(key) ?? [];
      used.set(key, list);
      const what = limit.measure === 'flows' ? flow : packet.dst;
      list.push({ at: now, what, amount: limit.measure === 'bytes' ? packet.total : 1 });
      if (this.total(account, list, now) > this.allowed(account, once, now)) return textOf(limit);
    }
    return undefined;
  }

  /** What has left, in the last period if each packet counts when it leaves. */
  private total(
    { limit, since }: Account,
    list: Account['used'] extends Map<unknown, infer L> ? L : never,
    now: number,
  ) {
    if (limit.measure === 'flows' || limit.measure === 'destinations')
      return new Set(list.map(({ what }) => what)).size;
    const from = Math.max(since, now - PERIODS[limit.period]);
    return list.reduce((sum, { at, amount }) => sum + (at > from || from === since ? amount : 0), 0);
  }

  /** A window begins with what is counted first, so in the first period there is one, and in any stretch of that length two. */
  private allowed({ limit, since }: Account, once: boolean, now: number): number {
    const periods = Math.floor((now - since) / PERIODS[limit.period]);
    if (periods === 0) return limit.most;
    return limit.most * (once ? periods + 1 : 2);
  }
}
