/**
 * Configuration strings: splitting them at commas and spaces, stripping comments, quoting and unquoting.
 *
 * Single quotes are raw. Double quotes know the escapes of C, `\<68 65 78>` and a backslash before a newline, which
 * vanishes. Outside of quotes `\<…>` works as well. A character given by number is the one with that code, 0 to 255.
 */
import type { Position } from './diagnostics.js';
import { plainText, positionAt, type Text } from './text.js';

/** One argument of a configuration string. */
export interface Argument {
  /** Without comments and outer space; quotes are still there (see {@link unquote}). */
  text: string;
  /** As it is written between the commas, after variables were expanded. */
  raw: string;
  /** Where its text begins; inside a substituted value, where the variable stands. */
  position: Position;
  /** Where its second word begins, if it has one. */
  restPosition?: Position;
}

const SPACE = /[ \t\n\v\f\r]/;

function isSpace(c: string | undefined): boolean {
  return c !== undefined && SPACE.test(c);
}

/** The end of the comment that starts at `i`, or `i` if none does. The newline belongs to a `//` comment. */
export function skipComment(text: string, i: number): number {
  if (text[i] !== '/') return i;
  if (text[i + 1] === '*') {
    const end = text.indexOf('*/', i + 2);
    return end < 0 ? text.length : end + 2;
  }
  if (text[i + 1] !== '/') return i;
  for (i += 2; i < text.length; i++) {
    if (text[i] === '\n') return i + 1;
    if (text[i] === '\r') return text[i + 1] === '\n' ? i + 2 : i + 1;
  }
  return i;
}

/** The end of the quoted string or `\<…>` that starts at `i`, or `i` if none does. */
export function skipQuoted(text: string, i: number): number {
  const c = text[i];
  if (c === "'") {
    const end = text.indexOf("'", i + 1);
    return end < 0 ? text.length : end + 1;
  }
  if (c === '\\' && text[i + 1] === '<') return skipData(text, i);
  if (c !== '"') return i;
  for (i++; i < text.length; ) {
    if (text[i] === '"') return i + 1;
    if (text[i] !== '\\') i++;
    else i = text[i + 1] === '<' ? skipData(text, i) : i + 2;
  }
  return text.length;
}

function skipData(text: string, i: number): number {
  for (i += 2; i < text.length; ) {
    if (text[i] === '>') return i + 1;
    i = Math.max(skipComment(text, i), i + 1);
  }
  return text.length;
}

function skipSpace(text: string, i: number): number {
  for (;;) {
    const next = isSpace(text[i]) ? i + 1 : skipComment(text, i);
    if (next === i) return i;
    i = next;
  }
}

/** Reads from `i` up to the end, or to a comma outside quotes; each stretch with a comment becomes one space. */
function uncommentFrom(text: string, i: number, stopAtComma: boolean): { start: number; text: string; end: number } {
  const start = skipSpace(text, i);
  const parts: string[] = [];
  let left = start;
  let right = start;
  let comment = false;
  for (i = start; i < text.length; ) {
    const afterComment = skipComment(text, i);
    if (afterComment > i) {
      comment = true;
      i = afterComment;
    } else if (isSpace(text[i])) i++;
    else if (stopAtComma && text[i] === ',') break;
    else {
      if (comment) {
        parts.push(text.slice(left, right), ' ');
        left = i;
        comment = false;
      }
      i = Math.max(skipQuoted(text, i), i + 1);
      right = i;
    }
  }
  parts.push(text.slice(left, right));
  return { start, text: parts.join(''), end: Math.min(i, text.length) };
}

/** Text without comments and without space around it. */
export function uncomment(text: string): string {
  return uncommentFrom(text, 0, false).text;
}

/** The arguments of a configuration string. An empty last one is dropped. */
export function splitText(config: Text): Argument[] {
  const result: Argument[] = [];
  const { text } = config;
  for (let i = 0; i < text.length; i++) {
    const part = uncommentFrom(text, i, true);
    if (part.text !== '' || part.end < text.length) {
      const argument: Argument = {
        text: part.text,
        raw: text.slice(i, part.end),
        position: positionAt(config, part.start),
      };
      const rest = skipSpace(text, skipWord(text, part.start));
      if (rest < part.end) argument.restPosition = positionAt(config, rest);
      result.push(argument);
    }
    i = part.end;
  }
  return result;
}

/** The arguments of a configuration string that begins at `position`. */
export function splitArguments(config: string, position: Position = { file: '', line: 1, column: 1 }): Argument[] {
  return splitText(plainText(config, position));
}

/** The inverse of splitting: splits into the same arguments again. */
export function joinArguments(args: readonly string[]): string {
  const text = args.join(', ');
  return args.length > 0 && args.at(-1) === '' ? `${text},` : text;
}

/** The first space-separated word, which may hold quoted spaces, and what follows it. */
export function splitWord(text: string): { word: string; rest: string } {
  const start = skipSpace(text, 0);
  const end = skipWord(text, start);
  return { word: text.slice(start, end), rest: text.slice(skipSpace(text, end)) };
}

function skipWord(text: string, i: number): number {
  while (i < text.length && !isSpace(text[i]) && skipComment(text, i) === i) i = Math.max(skipQuoted(text, i), i + 1);
  return Math.min(i, text.length);
}

/** The space-separated words of a text. */
export function splitWords(text: string): string[] {
  const words: string[] = [];
  for (let { word, rest } = splitWord(text); word !== ''; { word, rest } = splitWord(rest)) words.push(word);
  return words;
}

/**
 * `TARGETS 1` is the keyword `TARGETS` with the value `1` and where that stands; a keyword alone, as in `VERBOSE`, has an
 * empty value. Undefined if the argument does not begin with a word in upper case.
 */
export function splitKeyword(
  argument: Argument,
): { keyword: string; value: string; valuePosition: Position } | undefined {
  const match = /^([A-Z][A-Z0-9_]*)(?:[ \t\n\v\f\r]+|$)/.exec(argument.text);
  if (!match) return undefined;
  const valuePosition = argument.restPosition ?? argument.position;
  return { keyword: match[1]!, value: argument.text.slice(match[0].length), valuePosition };
}
