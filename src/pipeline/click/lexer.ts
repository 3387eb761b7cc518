import type { Diagnostics, Position } from './diagnostics.js';
import { unquote } from './quote.js';
import { lineStarts, type Text, TextBuilder } from './text.js';
import { skipComment, skipQuoted } from './words.js';

const KEYWORDS = new Set(['elementclass', 'require', 'provide', 'define']);

/** `kind` is 'identifier', 'variable', 'end', or the keyword, arrow or character itself. */
export interface Token {
  kind: string;
  text: string;
  position: Position;
}

const IDENTIFIER = /[A-Za-z0-9_@]+(?:\/[A-Za-z0-9_@]+)*/y;
const VARIABLE = /\$[A-Za-z0-9_]*/y;
const SYMBOL = /->|=>|::|\|\||\.\.\.|./suy;
const SPACE = /[ \t\n\v\f\r]+/y;
const DIRECTIVE = /#[ \t]*(?:line[ \t]+)?(\d+)[ \t]*("(?:[^"\\\n\r]|\\[^\n\r])*"?)?[^\n\r]*/y;
const LINE = /[^\n\r]*/y;

/** Turns Click text into tokens, one at a time, because only the parser knows where a configuration string begins. */
export class Lexer {
  readonly #text: string;
  readonly #ownFile: string;
  readonly #diagnostics: Diagnostics;
  #offset = 0;
  #file: string;
  #line = 1;
  #lineStart = 0;

  constructor(source: { file: string; text: string }, diagnostics: Diagnostics) {
    this.#text = source.text;
    this.#ownFile = source.file;
    this.#file = source.file;
    this.#diagnostics = diagnostics;
    // A script's first line names its interpreter.
    if (this.#text.startsWith('#!')) this.#moveTo(this.#match(LINE)!.length);
  }

  position(): Position {
    return { file: this.#file, line: this.#line, column: this.#offset - this.#lineStart + 1 };
  }

  next(): Token {
    this.#skipSpace();
    const position = this.position();
    if (this.#offset >= this.#text.length) return { kind: 'end', text: '', position };
    const identifier = this.#match(IDENTIFIER);
    const variable = identifier === undefined ? this.#match(VARIABLE) : undefined;
    const text = identifier ?? variable ?? this.#match(SYMBOL)!;
    this.#moveTo(this.#offset + text.length);
    if (variable !== undefined) return { kind: 'variable', text: variable.slice(1), position };
    if (identifier === undefined || KEYWORDS.has(text)) return { kind: text, text, position };
    return { kind: 'identifier', text, position };
  }

  /** The configuration string that follows a '(' just read, up to the ')' that closes it, which stays unread. */
  config(): Text {
    const text = this.#text;
    const builder = new TextBuilder(this.position());
    let depth = 1;
    let i = this.#offset;
    const take = () => {
      if (i > this.#offset) builder.addLines(text, this.#offset, i, this.position());
      this.#moveTo(i);
    };
    while (i < text.length) {
      const c = text[i];
      if (c === '(') depth++;
      else if (c === ')' && --depth === 0) break;
      if (c === '#' && this.#atLineStart(i)) {
        take();
        this.#directive();
        i = this.#offset;
      } else i = Math.max(skipComment(text, i), skipQuoted(text, i), i + 1);
    }
    i = Math.min(i, text.length);
    take();
    return builder.build();
  }

  #skipSpace(): void {
    for (;;) {
      const start = this.#offset;
      const space = this.#match(SPACE);
      if (space !== undefined) this.#moveTo(start + space.length);
      else if (this.#text[start] === '#' && this.#atLineStart(start)) this.#directive();
      else this.#moveTo(skipComment(this.#text, start));
      if (this.#offset === start) return;
    }
  }

  /** `# N "file"` or `#line N "file"`: the next line is line N of that file, or of this one if the name is empty. */
  #directive(): void {
    DIRECTIVE.lastIndex = this.#offset;
    const found = DIRECTIVE.exec(this.#text);
    if (!found) {
      this.#diagnostics.error(this.position(), 'unknown preprocessor directive');
      this.#moveTo(this.#offset + this.#match(LINE)!.length);
      return;
    }
    this.#moveTo(this.#offset + found[0].length);
    this.#line = Number(found[1]) - 1;
    if (found[2] !== undefined) this.#file = unquote(found[2]) || this.#ownFile;
  }

  #atLineStart(i: number): boolean {
    return i === 0 || this.#text[i - 1] === '\n' || this.#text[i - 1] === '\r';
  }

  #match(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#offset;
    return pattern.exec(this.#text)?.[0];
  }

  #moveTo(end: number): void {
    for (const start of lineStarts(this.#text, this.#offset, end)) {
      this.#line++;
      this.#lineStart = start;
    }
    this.#offset = end;
  }
}
