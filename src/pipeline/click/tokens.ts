import type { Diagnostics, Position } from './diagnostics.js';
import { Lexer, type Token } from './lexer.js';
import type { Text } from './text.js';

const CLOSERS: Record<string, string> = { '(': ')', '{': '}', '[': ']' };
const ENDS = new Set([';', '->', '=>', '(', ')', '{', '}', '[']);
const STARTERS = new Set(['elementclass', 'require', 'provide', 'define', 'end']);

/** A stream of tokens with look-ahead, and the ways to get past an error. */
export class Tokens {
  readonly diagnostics: Diagnostics;
  /** Names passed over after an error: they may have been declarations, so that missing them is no further error. */
  readonly skipped: Set<string>;
  readonly #lexer: Lexer;
  readonly #ahead: Token[] = [];

  constructor(source: { file: string; text: string }, diagnostics: Diagnostics, skipped: Set<string>) {
    this.#lexer = new Lexer(source, diagnostics);
    this.diagnostics = diagnostics;
    this.skipped = skipped;
  }

  peek(distance = 0): Token {
    while (this.#ahead.length <= distance) this.#ahead.push(this.#lexer.next());
    return this.#ahead[distance]!;
  }

  next(): Token {
    return this.#ahead.shift() ?? this.#lexer.next();
  }

  accept(kind: string): boolean {
    if (this.peek().kind !== kind) return false;
    this.next();
    return true;
  }

  expect(kind: string): boolean {
    if (this.accept(kind)) return true;
    this.diagnostics.error(this.peek().position, `expected '${kind}'`);
    return false;
  }

  /** `( … )` as a configuration string, if one comes next. */
  config(): Text | undefined {
    if (!this.accept('(')) return undefined;
    const text = this.#lexer.config();
    this.expect(')');
    return text;
  }

  syntaxError(token: Token): void {
    const near = token.kind === 'end' ? 'end of file' : `'${token.text}'`;
    const text = token.kind === 'variable' ? `'$${token.text}'` : near;
    this.diagnostics.error(token.position, `syntax error near ${text}`);
  }

  /** Passes over the rest of a statement that went wrong. */
  skipStatement(): void {
    for (;;) {
      const { kind } = this.peek();
      if (STARTERS.has(kind) || kind === ')' || kind === '}' || kind === '||') return;
      this.#skipOne();
      if (kind === ';') return;
    }
  }

  /** Passes over what comes next and through `kind`, if that is near and no statement ends before it. */
  skipTo(kind: string): void {
    for (let i = 0; i < 16; i++) {
      const next = this.peek(i).kind;
      if (next === kind) {
        while (this.next().kind !== kind);
        return;
      }
      if (ENDS.has(next) || STARTERS.has(next)) return;
    }
  }

  /** Passes over what is left of a bracket that has been opened, and its end. */
  skipNested(close: string): void {
    const open = [close];
    for (;;) {
      const token = this.next();
      if (token.kind === 'end') return;
      if (token.kind === 'identifier') this.#skipIdentifier(token);
      else if (CLOSERS[token.kind]) open.push(CLOSERS[token.kind]!);
      else if (token.kind === open.at(-1)) open.pop();
      if (open.length === 0) return;
    }
  }

  #skipOne(): void {
    const token = this.next();
    if (token.kind === 'identifier') this.#skipIdentifier(token);
    else if (CLOSERS[token.kind]) this.skipNested(CLOSERS[token.kind]!);
  }

  #skipIdentifier(token: Token): void {
    this.skipped.add(token.text);
    if (this.accept('(')) this.skipConfig();
  }

  skipConfig(): void {
    this.#lexer.config();
    this.accept(')');
  }

  position(): Position {
    return this.peek().position;
  }
}
