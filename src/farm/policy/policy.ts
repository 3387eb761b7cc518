import { readFileSync } from 'node:fs';
import type { Packets } from '../../packet/packets.js';
import { always, join, type Node, test } from '../../packet/pattern/syntax.js';
import { PROTOCOL } from '../../packet/protocol.js';
import { nameMatches } from '../names.js';
import type { Action } from './actions.js';
import { type Ceiling, MAIL } from './ceiling.js';
import { FACT, OTHER_IMAGE, WAY } from './facts.js';
import { PolicyParser, type Rule } from './parser.js';
import { prove } from './proof.js';
import { RuleIndex } from './rule-index.js';
import { PolicyError } from './text.js';

export type { Action } from './actions.js';
export type { Ceiling, CeilingBox } from './ceiling.js';
export type { Rule } from './parser.js';
export { PolicyError } from './text.js';

const dropping = (place: string, match: string, tree: Node): Rule => ({
  place,
  match,
  sections: [],
  tree,
  words: new Map([[tree, match]]),
  action: { verdict: 'drop', image: undefined, rewrite: undefined, limits: [], otherwise: undefined },
});

/** The rule that applies where no line of a policy does: nothing leaves. */
export const DEFAULT_RULE = dropping('default', 'all', always(true));

/**
 * The rule that applies before all others, but for what the ceiling allows: nothing goes to where mail servers are, not even to
 * those who connect from there.
 */
export const MAIL_RULE = dropping(
  'mail',
  `reply and tcp and dst port ${MAIL}`,
  join('and', [
    test({ of: 'fact', number: FACT.way }, 'is', WAY.reply),
    test({ of: 'proto' }, 'is', PROTOCOL.tcp),
    test({ of: 'dport' }, 'is', MAIL),
  ]),
);

/**
 * The rule that applies where another one would forward what a clone begins that only other clones have reached. It plays
 * whichever address they called, so its packets would be forgeries outside: that an address is ours is known only once the
 * outside has contacted it.
 */
export const BORROWED_RULE = dropping(
  'borrowed',
  'reflected and begun',
  join('and', [
    test({ of: 'fact', number: FACT.contacted }, 'is', 0),
    test({ of: 'fact', number: FACT.way }, 'is', WAY.begun),
  ]),
);

/** Ages at which rules may change their mind about a flow: a decision has 4 bits for it. */
const AGES = 15;

/**
 * What may leave: ordered rules, of which the first that matches decides. What none matches is dropped.
 *
 *     reply                    -> forward          # answers to whoever contacted the clone
 *     udp and dst port 53      -> redirect dns     # a clone of image `dns` plays every resolver
 *     all                      -> limit tcp 20/hour, udp 20/hour, icmp 50/hour, other 10/hour per clone then reflect
 *
 * The language is described in docs/policy.md.
 */
export class Policy {
  readonly file: string;
  readonly rules: readonly Rule[];
  /** What may ever leave, whatever the rules say. */
  readonly ceiling: Ceiling;
  /** Images that redirecting verdicts name. */
  readonly images: readonly string[];
  /** Patterns of names that rules ask for. */
  readonly names: readonly string[];
  /** How many sets and ports have a name. */
  readonly sets: number;
  /** What is odd but not wrong, each with its place. */
  readonly warnings: readonly string[];
  /** Flow ages, rising, from which on some rule may decide otherwise. */
  readonly ages: readonly number[];
  /** Whether some rule asks for what a flow carries. */
  readonly readsPayload: boolean;
  /** Whether some rule replaces what a flow carries. */
  readonly rewrites: boolean;
  private readonly index: RuleIndex;
  private readonly imageNumbers: ReadonlyMap<string, number>;

  /**
   * @param read gives the text of a file that is included
   * @throws {PolicyError} that lists everything that is wrong.
   */
  constructor(text: string, file: string, read = (name: string) => readFileSync(name, 'utf8')) {
    const parser = new PolicyParser(read);
    parser.file(text, file);
    const ages = new Set<number>();
    let readsPayload = false;
    for (const { tree } of parser.rules) {
      walk(tree, (node) => {
        if (node.kind !== 'test') return;
        if (node.field.of === 'payload') readsPayload = true;
        if (node.field.of !== 'fact' || node.field.number !== FACT.age) return;
        if (node.op === 'is') ages.add(node.value);
        ages.add(node.value + 1);
      });
    }
    if (ages.size > AGES) parser.problems.push(`${file}:1:1: rules ask for more than ${AGES} different ages`);
    if (parser.problems.length > 0) throw new PolicyError(parser.problems);
    const unproved = prove(parser.rules, parser.ceiling, parser.images);
    if (unproved.length > 0) throw new PolicyError(unproved);
    this.file = file;
    this.rules = parser.rules;
    this.ceiling = parser.ceiling;
    this.sets = parser.sets.size;
    this.images = [...new Set(parser.rules.flatMap(({ action }) => imagesOf(action)))];
    this.names = parser.names;
    this.warnings = unreachable(parser.rules);
    this.ages = [...ages].filter((age) => age > 0).sort((a, b) => a - b);
    this.readsPayload = readsPayload;
    this.rewrites = parser.rules.some(({ action }) => rewrites(action));
    this.index = new RuleIndex(parser.rules.map(({ tree }) => tree));
    this.imageNumbers = new Map(parser.images.map((name, number) => [name, number]));
  }

  /** What is wrong if the ceiling is another one; nothing if no rule lets out what that one does not allow. */
  exceeds(ceiling: Ceiling): string[] {
    return prove(this.rules, ceiling, [...this.imageNumbers.keys()]);
  }

  /** The number by which rules know an image. */
  imageNumber(name: string | undefined): number {
    return (name !== undefined ? this.imageNumbers.get(name) : undefined) ?? OTHER_IMAGE;
  }

  /** The patterns that rules ask for and that fit one of some names, a bit each. */
  namesOf(names: readonly string[]): number {
    let bits = 0;
    for (const [number, pattern] of this.names.entries())
      if (names.some((name) => nameMatches(pattern, name))) bits |= 1 << number;
    return bits >>> 0;
  }

  /** The number of the rule that decides about a packet with these facts; `rules.length` means the default. */
  find(facts: Uint32Array, packets: Packets, row: number): number {
    return this.index.find(facts, packets, row);
  }

  /** Of how many of the ages a flow has reached. */
  ageClass(age: number): number {
    let reached = 0;
    while (reached < this.ages.length && this.ages[reached]! <= age) reached++;
    return reached;
  }
}

/** Reads a policy from its file. @throws {PolicyError} that lists everything that is wrong. */
export function readPolicy(file: string): Policy {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    throw new PolicyError([`${file}: expected a file that can be read (${(error as Error).message})`]);
  }
  return new Policy(text, file);
}

function imagesOf({ image, otherwise }: Action): string[] {
  return [...(image === undefined ? [] : [image]), ...(otherwise ? imagesOf(otherwise) : [])];
}

const rewrites = ({ rewrite, otherwise }: Action): boolean =>
  rewrite !== undefined || (otherwise !== undefined && rewrites(otherwise));

function walk(node: Node, visit: (node: Node) => void): void {
  visit(node);
  if (node.kind === 'not') walk(node.term, visit);
  else if (node.kind === 'and' || node.kind === 'or') for (const term of node.terms) walk(term, visit);
  else if (node.kind === 'if') for (const part of [node.test, node.yes, node.no]) walk(part, visit);
}

/** Rules after one that matches everything in the same sections. */
function unreachable(rules: readonly Rule[]): string[] {
  const final = new Map<string, Rule>();
  const warnings: string[] = [];
  for (const rule of rules) {
    const outer = rule.sections.map((_, i) => rule.sections.slice(0, i + 1).join());
    const before = ['', ...outer].map((sections) => final.get(sections)).find((each) => each !== undefined);
    if (before) warnings.push(`${rule.place}:1: never reached, since ${before.place} matches all before it`);
    else if (/^(?:all|any|-|true|ip)$/.test(rule.match)) final.set(rule.sections.join(), rule);
  }
  return warnings;
}
