import type { Substitution } from '../../packet/rewrite/substitution.js';
import { VERDICT, type VerdictName } from '../../packet/verdict.js';
import { suggestion } from '../../pipeline/click/suggest.js';
import { type Limit, readLimits } from './limits.js';
import { readSubstitutions } from './substitutions.js';
import { type Statement, StatementError, type Word, wordsOf } from './text.js';

/** What is to become of a flow: a verdict that holds within limits, and another one beyond them. */
export interface Action {
  readonly verdict: Exclude<VerdictName, 'undecided'>;
  /** For redirect: the image that plays the destination. */
  readonly image: string | undefined;
  /** What is replaced in all that clones send in the flow. */
  readonly rewrite: Substitution | undefined;
  readonly limits: readonly Limit[];
  /** Beyond the limits; there if there are any. */
  readonly otherwise: Action | undefined;
}

const VERDICTS = Object.keys(VERDICT).filter((name) => name !== 'undecided') as Action['verdict'][];

/** Verdicts by which somebody gets what was rewritten. */
const DELIVERING: readonly string[] = ['forward', 'reflect', 'redirect', 'limit'];

/** Limits within limits. */
const DEPTH = 4;

/** Reads what stands behind the arrow, from an offset on. @throws {StatementError} */
export function readAction(statement: Statement, from: number): Action {
  const words = wordsOf(statement, from);
  const end = statement.text.length;
  return read(words, 0, end, 0);
}

function read(words: readonly Word[], first: number, end: number, depth: number): Action {
  const rewriting = words[first]?.text === 'rewrite' ? readSubstitutions(words, first + 1, end) : undefined;
  const { rewrite, next: at } = rewriting ?? { rewrite: undefined, next: first };
  const { text, offset } = words[at] ?? { text: '', offset: end };
  const fail = (where: number, message: string): never => {
    throw new StatementError(words[where]?.offset ?? end, message);
  };
  // `limit …` alone lets out what is within the limits.
  const bare = text === 'limit';
  const verdict = bare ? 'forward' : VERDICTS.find((name) => name === text);
  if (rewrite && !DELIVERING.includes(text))
    fail(at, `expected one of ${DELIVERING.join(', ')} for what was rewritten, not '${text}'`);
  if (verdict === undefined) {
    const names = [...VERDICTS, 'limit', 'rewrite'];
    throw new StatementError(offset, `expected one of ${names.join(', ')}, not '${text}'${suggestion(text, names)}`);
  }
  if (depth > 0 && verdict === 'forward') fail(at, "expected a verdict after 'then' by which nothing leaves");
  let next = bare ? at : at + 1;
  let image: string | undefined;
  if (verdict === 'redirect') {
    image = words[next]?.text;
    if (image === undefined || image === 'limit' || image === ',') fail(at, 'redirect: expected an image after it');
    next++;
  }
  if (next === words.length) return { verdict, image, rewrite, limits: [], otherwise: undefined };
  if (words[next]!.text !== 'limit') fail(next, `unexpected '${words[next]!.text}' after the verdict`);
  if (depth === DEPTH) fail(next, `expected no more than ${DEPTH} limits, each for what is beyond the one before`);
  const then = words.findIndex((word, i) => i > next && word.text === 'then');
  const after = words[then] ?? { text: '', offset: end };
  const limits = readLimits(words.slice(next + 1, then < 0 ? words.length : then), after);
  if (then < 0) fail(words.length, "expected 'then VERDICT' for what is beyond the limits");
  return { verdict, image, rewrite, limits, otherwise: read(words, then + 1, end, depth + 1) };
}

/** Whether something can leave by it. */
export const forwards = ({ verdict, otherwise }: Action): boolean =>
  verdict === 'forward' || (otherwise !== undefined && forwards(otherwise));

/** The verdict without its limits. */
export function describeVerdict({ verdict, image, rewrite }: Action): string {
  const told = image === undefined ? verdict : `${verdict} ${image}`;
  return rewrite === undefined ? told : `rewrite ${rewrite.text} then ${told}`;
}

/** As it is written. */
export function describeAction(action: Action): string {
  const { limits, otherwise } = action;
  const head = describeVerdict(action);
  if (!otherwise) return head;
  return `${head} limit ${limits.map(({ text }) => text).join(', ')} then ${describeAction(otherwise)}`;
}
