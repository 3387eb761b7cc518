/** A word or a quoted text of a line, with its column from 1. */
export interface Word {
  readonly text: string;
  readonly quoted: boolean;
  readonly column: number;
}

/** An error in a statement: what and where in its line. */
export class Mistake extends Error {
  readonly column: number;

  constructor(column: number, message: string) {
    super(message);
    this.column = column;
  }
}

const ESCAPES: Record<string, string> = { n: '\n', r: '\r', t: '\t', '"': '"', '\\': '\\' };

/**
 * The words of a line up to its comment. Quoted texts know \r \n \t \" \\ and \xNN; a character of a text is a byte
 * of it, and what is not ASCII becomes UTF-8.
 * @throws Mistake.
 */
export function splitWords(line: string): Word[] {
  const words: Word[] = [];
  const pattern = /\s*(?:(?<comment>#.*)|"(?<text>(?:[^"\\]|\\.)*)(?<close>"?)|(?<word>[^\s#",]+|,))/gy;
  for (let match = pattern.exec(line); match; match = pattern.exec(line)) {
    const { comment, text, close, word } = match.groups!;
    if (comment !== undefined) break;
    const column = match.index + match[0].length - match[0].trimStart().length + 1;
    if (text === undefined) words.push({ text: word!, quoted: false, column });
    else if (close === '') throw new Mistake(column, 'this text has no closing "');
    else words.push({ text: bytesOf(text, column + 1), quoted: true, column });
  }
  return words;
}

function bytesOf(text: string, column: number): string {
  const bytes = Buffer.from(text, 'utf8').toString('latin1');
  return bytes.replace(/\\(x[0-9a-fA-F]{2}|.)/g, (all, code: string, at: number) => {
    const meaning = code.length === 3 ? String.fromCharCode(Number.parseInt(code.slice(1), 16)) : ESCAPES[code];
    if (meaning === undefined) {
      throw new Mistake(column + at, `unknown escape ${all}; valid are \\r \\n \\t \\" \\\\ and \\xNN`);
    }
    return meaning;
  });
}

/** The words of one line, read one after the other. */
export class Line {
  private readonly words: readonly Word[];
  private readonly end: number;
  private next = 0;

  /** @throws Mistake. */
  constructor(text: string) {
    this.words = splitWords(text);
    this.end = text.trimEnd().length + 1;
  }

  get done(): boolean {
    return this.next === this.words.length;
  }

  /** Column of the word that comes next. */
  get column(): number {
    return this.words[this.next]?.column ?? this.end;
  }

  /** @throws Mistake if there is no word left; it says what was expected. */
  word(expected: string): string {
    const word = this.words[this.next];
    if (!word) throw new Mistake(this.end, `expected ${expected}`);
    if (word.quoted) throw new Mistake(word.column, `expected ${expected}, not a quoted text`);
    this.next++;
    return word.text;
  }

  text(expected: string, longest: number): string {
    const word = this.words[this.next];
    if (!word?.quoted) throw new Mistake(this.column, `expected ${expected} in "quotes"`);
    if (word.text.length > longest) throw new Mistake(word.column, `longer than ${longest} bytes`);
    this.next++;
    return word.text;
  }

  /** One of several words. */
  choice<C extends string>(choices: readonly C[], what: string): C {
    const { column } = this;
    const word = this.word(`${what}: ${choices.join(', ')}`);
    const found = choices.find((each) => each === word);
    if (found === undefined) throw new Mistake(column, `unknown ${what} '${word}'; valid are ${choices.join(', ')}`);
    return found;
  }

  number(what: string, least: number, most: number): number {
    const { column } = this;
    const word = this.word(`${what}, a number from ${least} to ${most}`);
    const value = /^\d{1,10}$/.test(word) ? Number(word) : Number.NaN;
    if (!(value >= least && value <= most)) {
      throw new Mistake(column, `expected ${what}, a number from ${least} to ${most}, not '${word}'`);
    }
    return value;
  }

  /** A number of bytes, from 1M to 64G. */
  size(): number {
    const { column } = this;
    const word = this.word('a size such as 128M');
    const match = /^(\d{1,5})([MG])$/.exec(word);
    const size = match ? Number(match[1]) * (match[2] === 'M' ? 2 ** 20 : 2 ** 30) : 0;
    if (size < 2 ** 20 || size > 2 ** 36) throw new Mistake(column, `expected a size from 1M to 64G, not '${word}'`);
    return size;
  }

  /** Whether the next word is this one; if so it is read. */
  skip(text: string): boolean {
    const word = this.words[this.next];
    if (word?.quoted !== false || word.text !== text) return false;
    this.next++;
    return true;
  }
}
