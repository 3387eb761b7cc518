import { DEFAULT_RULE, MAIL_RULE, type Policy } from '../farm/policy/policy.js';
import type { Replay } from '../farm/policy/replay.js';
import { tableText } from './text-table.js';

/** Flows that left and are shown. */
const SHOWN = 20;

/** What a policy did with a capture, for people. */
export function describeReplay(policy: Policy, { rules, left, total }: Replay): string {
  const first = rules.has(MAIL_RULE) ? [MAIL_RULE] : [];
  const decided = [...first, ...policy.rules, DEFAULT_RULE].flatMap((rule) => {
    const byVerdict = [...(rules.get(rule) ?? [])];
    if (byVerdict.length === 0) return [[rule.place, rule.match, rule.action.verdict, '0', '0', '0']];
    return byVerdict.map(([verdict, { flows, packets, bytes }]) =>
      [rule.place, rule.match, verdict, flows, packets, bytes].map(String),
    );
  });
  const shown = [...left].sort(([, a], [, b]) => b.bytes - a.bytes).slice(0, SHOWN);
  const parts = [
    tableText([['rule', 'match', 'verdict', 'flows', 'packets', 'bytes'], ...decided], [3, 4, 5]),
    '\n',
    `${total.left.packets} packets, ${total.left.bytes} bytes would have left, of ${total.left.flows} flows`,
    `; ${total.quota} flows and packets were over a quota\n`,
    total.refused > 0
      ? `${total.refused} packets would not have left for what else they are, such as IP options\n`
      : '',
    tableText(
      shown.map(([flow, { packets, bytes }]) => [`  ${flow}`, String(packets), String(bytes)]),
      [1, 2],
    ),
    left.size > SHOWN ? `  and ${left.size - SHOWN} more\n` : '',
    `\n${total.inbound} packets came in; of clones ${total.strays} belonged to no flow; `,
    `${total.foreign} were neither from nor to an inside address, ${total.faulty} could not be read\n`,
  ];
  return parts.join('');
}
