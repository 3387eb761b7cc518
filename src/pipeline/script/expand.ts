import { splitWord, splitWords } from '../click/words.js';

/** Where the values of a script's substitutions come from. */
export interface Sources {
  variable(name: string): string | undefined;
  /** @throws {Error} if there is no such handler. */
  handler(name: string): string;
}

/** Substitutions nested so deeply are an error. */
const DEPTH = 20;

/**
 * Replaces `$x`, `${x}` and `$(…)`. In parentheses stands a read handler, or one of the script's own: arithmetic (add,
 * sub, mul, div, idiv, mod), comparison (eq, ne, lt, gt, le, ge) and not. Unknown variables stay as they are.
 */
export function expand(text: string, sources: Sources, depth = 0): string {
  if (depth > DEPTH) throw new Error('substitutions are nested too deeply');
  let result = '';
  for (let i = 0; i < text.length; i++) {
    if (text[i] !== '$') {
      result += text[i];
    } else if (text[i + 1] === '(') {
      const end = closing(text, i + 1);
      result += call(expand(text.slice(i + 2, end), sources, depth + 1), sources);
      i = end;
    } else {
      const match = /^\$(?:\{(\w+)\}|(\w+|\?|#))/.exec(text.slice(i));
      const value = match && sources.variable((match[1] ?? match[2])!);
      result += value ?? match?.[0] ?? '$';
      if (match) i += match[0].length - 1;
    }
  }
  return result;
}

/** The place of the parenthesis that closes the one at `open`. */
function closing(text: string, open: number): number {
  let level = 0;
  for (let i = open; i < text.length; i++) {
    if (text[i] === '(') level++;
    else if (text[i] === ')' && --level === 0) return i;
  }
  throw new Error(`')' is missing in '${text}'`);
}

const ARITHMETIC: Readonly<Record<string, (a: number, b: number) => number>> = {
  add: (a, b) => a + b,
  sub: (a, b) => a - b,
  mul: (a, b) => a * b,
  div: (a, b) => a / b,
  idiv: (a, b) => Math.trunc(a / b),
  mod: (a, b) => a % b,
};

const COMPARISON: Readonly<Record<string, (order: number) => boolean>> = {
  eq: (order) => order === 0,
  ne: (order) => order !== 0,
  lt: (order) => order < 0,
  gt: (order) => order > 0,
  le: (order) => order <= 0,
  ge: (order) => order >= 0,
};

const numeric = (text: string): number => (text === '' ? Number.NaN : Number(text));

function call(text: string, sources: Sources): string {
  const { word, rest } = splitWord(text);
  const args = splitWords(rest);
  const arithmetic = Object.hasOwn(ARITHMETIC, word) ? ARITHMETIC[word] : undefined;
  if (arithmetic) {
    const numbers = args.map(numeric);
    if (numbers.length === 0 || numbers.some(Number.isNaN)) throw new Error(`${word} takes numbers, not '${rest}'`);
    return String(numbers.reduce(arithmetic));
  }
  const comparison = Object.hasOwn(COMPARISON, word) ? COMPARISON[word] : undefined;
  if (comparison) {
    const [a, b] = args;
    if (a === undefined || b === undefined || args.length > 2)
      throw new Error(`${word} takes two values, not '${rest}'`);
    const difference = numeric(a) - numeric(b);
    return String(comparison(Number.isNaN(difference) ? (a < b ? -1 : a > b ? 1 : 0) : difference));
  }
  if (word === 'not') return String(!isTrue(rest));
  return sources.handler(word);
}

/** A condition: `true`, `yes`, or a number other than 0. */
export function isTrue(text: string): boolean {
  return /^(true|yes)$/i.test(text) || (numeric(text) || 0) !== 0;
}
