import { FLOW } from '../packet/flow.js';
import type { Packets } from '../packet/packets.js';
import { type Classifier, compile, PatternError, parsePattern } from '../packet/pattern/pattern.js';
import { VERDICT, type VerdictName } from '../packet/verdict.js';
import type { Universe } from './universes.js';

/** Something wrong in a policy; each line of the message begins with file:line:column. */
export class PolicyError extends Error {}

/** One line of a policy. */
export interface Rule {
  /** Where it stands: file:line. */
  readonly place: string;
  /** What must hold beside the pattern. */
  readonly condition: 'none' | 'reply' | 'originator';
  readonly pattern: Classifier | undefined;
  readonly verdict: VerdictName;
  /** For redirect: the image that plays the destination. */
  readonly image: string | undefined;
}

/** The rule that applies where no line of a policy does: nothing leaves. */
const DEFAULT: Rule = { place: 'default', condition: 'none', pattern: undefined, verdict: 'drop', image: undefined };

const CONDITION = /^(reply|originator)(?:\s+and\s+|\s*$)/;

/**
 * What may leave: ordered rules, one a line, of which the first that matches decides. What none matches is dropped.
 *
 *     # match                  -> verdict
 *     reply                    -> forward          # answers to whoever contacted the clone
 *     udp and dst port 53      -> redirect dns     # a clone of image `dns` plays every resolver
 *     dst net 192.0.2.0/24     -> drop
 *     all                      -> reflect          # the farm plays the rest of the Internet
 *
 * A match is a pattern of IPFilter. Before it, `reply and` asks that the packet answers a flow opened from outside,
 * and `originator and` that it goes to the source whose packet began the universe; either may stand alone.
 */
export class Policy {
  readonly rules: readonly Rule[];

  /** @throws {PolicyError} that lists everything that is wrong. */
  constructor(text: string, file: string) {
    const problems: string[] = [];
    const rules: Rule[] = [];
    for (const [index, line] of text.split('\n').entries()) {
      const content = line.replace(/#.*/, '');
      if (content.trim() === '') continue;
      try {
        rules.push(readRule(content, `${file}:${index + 1}`));
      } catch (error) {
        if (!(error instanceof RuleError)) throw error;
        problems.push(`${file}:${index + 1}:${error.offset + 1}: ${error.message}`);
      }
    }
    if (problems.length > 0) throw new PolicyError(problems.join('\n'));
    this.rules = rules;
  }

  /** The images that redirecting rules name. */
  get images(): string[] {
    return this.rules.flatMap(({ image }) => (image === undefined ? [] : [image]));
  }

  /** The rule that decides about a packet that a clone of `universe` sent. */
  decide(packets: Packets, row: number, universe: Universe): Rule {
    for (const rule of this.rules) {
      if (rule.condition === 'reply' && !isReply(packets.flowState[row]!)) continue;
      if (rule.condition === 'originator' && packets.dst[row] !== universe.source) continue;
      if (rule.pattern === undefined || rule.pattern.classify(packets, row) === 0) return rule;
    }
    return DEFAULT;
  }
}

/** Whether a packet answers a flow that was opened from outside. */
export function isReply(flowState: number): boolean {
  const bits = FLOW.known | FLOW.fromOutside | FLOW.reply;
  return (flowState & bits) === bits;
}

class RuleError extends Error {
  readonly offset: number;

  constructor(offset: number, message: string) {
    super(message);
    this.offset = offset;
  }
}

function readRule(content: string, place: string): Rule {
  const arrow = content.lastIndexOf('->');
  if (arrow < 0) throw new RuleError(content.trimEnd().length, "expected '-> VERDICT' after the match");
  const { verdict, image } = readVerdict(content, arrow + 2);
  const indent = content.length - content.trimStart().length;
  const match = content.slice(indent, arrow).trimEnd();
  if (match === '') throw new RuleError(indent, "expected a match before '->', such as 'all'");
  const condition = CONDITION.exec(match);
  const rest = match.slice(condition?.[0].length ?? 0);
  return {
    place,
    condition: (condition?.[1] as 'reply' | 'originator' | undefined) ?? 'none',
    pattern: rest === '' ? undefined : readPattern(rest, indent + match.length - rest.length),
    verdict,
    image,
  };
}

function readPattern(text: string, offset: number): Classifier {
  try {
    return compile([parsePattern(text)]);
  } catch (error) {
    if (error instanceof PatternError) throw new RuleError(offset + error.offset, error.message);
    throw error;
  }
}

function readVerdict(content: string, from: number): { verdict: VerdictName; image: string | undefined } {
  const words = content.slice(from).trim().split(/\s+/);
  const at = from + content.slice(from).length - content.slice(from).trimStart().length;
  const names = Object.keys(VERDICT).filter((name) => name !== 'undecided');
  const verdict = words[0] as VerdictName;
  if (!names.includes(verdict)) throw new RuleError(at, `expected one of ${names.join(', ')}, not '${words[0]}'`);
  const image = words[1];
  if (verdict === 'redirect' && image === undefined) throw new RuleError(at, 'redirect: expected an image after it');
  const extra = words[verdict === 'redirect' ? 2 : 1];
  if (extra !== undefined) throw new RuleError(content.indexOf(extra, at), `unexpected '${extra}' after the verdict`);
  return { verdict, image };
}
