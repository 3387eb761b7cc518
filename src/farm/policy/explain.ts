import { FLOW } from '../../packet/flow.js';
import { Packets } from '../../packet/packets.js';
import { matches, program } from '../../packet/pattern/interpret.js';
import type { Node } from '../../packet/pattern/syntax.js';
import type { UniverseKind } from '../universes.js';
import { type Action, describeAction, describeVerdict } from './actions.js';
import { Exit } from './exit.js';
import { isBorrowed, loadFacts, makeFacts } from './facts.js';
import { BORROWED_RULE, DEFAULT_RULE, MAIL_RULE, type Policy, type Rule } from './policy.js';
import { makePacket } from './question.js';

/** A packet of a clone that somebody asks about, and what is known beside it. */
export interface Question {
  /** `tcp 10.99.1.2:4444 > 198.51.100.7:25` */
  readonly packet: string;
  readonly payload: Uint8Array;
  /** Whether it answers a flow from outside, or one that another clone began; else the clone begins a flow. */
  readonly way: 'begun' | 'reply' | 'answer';
  readonly kind: UniverseKind;
  readonly depth: number;
  readonly contacted: boolean;
  readonly image: string | undefined;
  /** Seconds since the flow was opened. */
  readonly age: number;
  /** Address of who sent the packet that began the universe. */
  readonly originator: number;
  readonly toClone: boolean;
  /** A name that a clone of the universe has looked up, to be told the destination. */
  readonly name?: string;
}

/** A rule that was tried, and why it did not match, or the one that did. */
export interface Trial {
  readonly rule: Rule;
  /** Undefined if it matches. */
  readonly why: string | undefined;
}

const WAYS = { begun: 0, reply: FLOW.known | FLOW.fromOutside | FLOW.reply, answer: FLOW.known | FLOW.reply } as const;

/** Every rule up to the one that decides. @throws {Error} if the packet makes no sense */
export function explain(policy: Policy, question: Question): Trial[] {
  const packets = new Packets();
  const row = makePacket(packets, question.packet, question.payload);
  packets.flowState[row] = WAYS[question.way];
  packets.age[row] = question.age;
  const facts = makeFacts();
  loadFacts(facts, packets, row, {
    kind: question.kind,
    source: question.originator,
    depth: question.depth,
    contacted: question.contacted,
    image: policy.imageNumber(question.image),
    toClone: question.toClone,
    names: policy.namesOf(question.name === undefined ? [] : [question.name.toLowerCase()]),
  });
  const holds = (tree: Node) => matches(program({ tree }), facts, packets, row);
  if (new Exit(packets, policy.ceiling).isMailReply(row)) return [{ rule: MAIL_RULE, why: undefined }];
  const trials: Trial[] = [];
  for (const rule of [...policy.rules, DEFAULT_RULE]) {
    const why = holds(rule.tree) ? undefined : reason(rule.tree, rule.words, holds, false);
    if (why === undefined && rule.action.verdict === 'forward' && isBorrowed(facts, question)) {
      trials.push({ rule, why: 'it does not let out what a clone begins that only other clones have reached' });
      return [...trials, { rule: BORROWED_RULE, why: undefined }];
    }
    trials.push({ rule, why });
    if (why === undefined) break;
  }
  return trials;
}

/** Why a tree does not hold, or, if it is negated, that it does. */
function reason(
  tree: Node,
  words: ReadonlyMap<Node, string>,
  holds: (node: Node) => boolean,
  negated: boolean,
): string {
  const said = words.get(tree);
  if (said !== undefined) return `'${said}' ${negated ? 'holds' : 'does not hold'}`;
  const inner = (node: Node) => reason(node, words, holds, negated);
  switch (tree.kind) {
    case 'not':
      return reason(tree.term, words, holds, !negated);
    case 'if':
      return inner(holds(tree.test) ? tree.yes : tree.no);
    case 'and':
    case 'or': {
      const guilty = tree.terms.filter((term) => holds(term) === negated);
      return tree.kind === 'and' && !negated ? inner(guilty[0]!) : guilty.map(inner).join(' and ');
    }
    default:
      return 'it never matches';
  }
}

/** A trial in words: `x.policy:3  reply  no, 'reply' does not hold`. */
export function describeTrial({ rule, why }: Trial): string {
  const match = [...rule.sections.map((name) => `${name}:`), rule.match].join(' ');
  return `${rule.place}\t${match}\t${why === undefined ? `yes: ${describeVerdict(rule.action)}` : `no, ${why}`}`;
}

/** What an action means, a line each: what is within its limits, and what beyond. */
export function describeOutcome(action: Action): string[] {
  if (!action.otherwise) return [describeAction(action)];
  const within = action.limits.map(({ text }) => `  ${text}`);
  const verdict = describeVerdict(action);
  return [
    `${verdict} within`,
    ...within,
    ...describeOutcome(action.otherwise).map((line, i) => (i === 0 ? `then ${line}` : line)),
  ];
}
