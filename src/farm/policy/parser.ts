import { dirname, isAbsolute, join as joinPath, relative } from 'node:path';
import { PATTERN_WORDS, PatternError, parseExtended } from '../../packet/pattern/pattern.js';
import { possible } from '../../packet/pattern/ranges.js';
import { join, type Node, test } from '../../packet/pattern/syntax.js';
import { suggestion } from '../../pipeline/click/suggest.js';
import { UNIVERSE_KINDS } from '../universes.js';
import { type Action, readAction } from './actions.js';
import { type Ceiling, DEFAULT_CEILING } from './ceiling.js';
import { CeilingBlock } from './ceiling-block.js';
import { FACT } from './facts.js';
import { CLASSES, concerns, protocolClass } from './limits.js';
import { quoted } from './quoted.js';
import { Sets } from './sets.js';
import { readStatements, type Statement, StatementError, wordsOf } from './text.js';
import { POLICY_WORDS, PolicyWords } from './words.js';

/** One rule of a policy. */
export interface Rule {
  /** Where it stands: file:line. */
  readonly place: string;
  /** The match as it is written, and the sections that the rule stands in: `universe closed`. */
  readonly match: string;
  readonly sections: readonly string[];
  /** The match and what the sections ask. */
  readonly tree: Node;
  /** The words of what the tree is made of. */
  readonly words: ReadonlyMap<Node, string>;
  readonly action: Action;
}

interface Section {
  readonly name: string;
  readonly condition: Node;
}

/** Bounds of what a person may write. */
const RULES = 4096;
const FILES = 64;
const NESTING = 16;
const IMAGES = 1024;
/** One fact has a bit for each. */
const NAMES = 32;

/** Reads a policy and all files that it includes. What is wrong is in `problems`, each with file:line:column. */
export class PolicyParser {
  readonly problems: string[] = [];
  readonly rules: Rule[] = [];
  readonly sets = new Sets();
  /** Images that matches and sections ask for; their place is their number. */
  readonly images: string[] = [];
  /** Patterns of names that matches ask for; their place is their number. */
  readonly names: string[] = [];
  private readonly read: (file: string) => string;
  private readonly words: PolicyWords;
  /** The files that are being read, from the first to the one included last. */
  private readonly files: string[] = [];
  private included = 0;
  private block: CeilingBlock | undefined;

  /** @param read gives the text of an included file, or throws with the reason */
  constructor(read: (file: string) => string) {
    this.read = read;
    this.words = new PolicyWords(
      this.sets,
      (name) => this.imageNumber(name),
      (pattern) => this.nameNumber(pattern),
    );
  }

  /** What may ever leave. */
  get ceiling(): Ceiling {
    return this.block?.ceiling ?? DEFAULT_CEILING;
  }

  /** Reads a file's text; its rules stand in the given sections too. */
  file(text: string, file: string, outer: readonly Section[] = []): void {
    this.files.push(file);
    const sections = [...outer];
    const opened: Statement[] = [];
    let block: CeilingBlock | undefined;
    for (const statement of readStatements(text, file)) {
      try {
        if (/^\s*ceiling\b/.test(statement.text) || block) {
          const before = block;
          block = this.ceilingLine(statement, before, sections);
          if (block && !before) opened.push(statement);
          if (!block && before) opened.pop();
        } else if (statement.text.trim() === '}') {
          if (opened.length === 0) throw new StatementError(0, "'}' closes nothing");
          opened.pop();
          sections.pop();
        } else if (/^\s*(?:set|ports)\s+\S+\s*=/.test(statement.outline)) this.sets.define(statement);
        else if (/\{$/.test(statement.outline)) {
          opened.push(statement);
          sections.push({ name: '', condition: join('and', []) });
          sections[sections.length - 1] = this.section(statement);
          if (sections.length > NESTING) throw new StatementError(0, `sections are nested at most ${NESTING} deep`);
        } else if (/^\s*include\b/.test(statement.outline)) this.include(statement, sections);
        else this.rule(statement, sections);
      } catch (error) {
        if (!(error instanceof StatementError)) throw error;
        this.problems.push(statement.complain(error.offset, error.message));
      }
    }
    for (const statement of opened)
      this.problems.push(statement.complain(statement.text.length - 1, "'{' is never closed"));
    this.files.pop();
  }

  private imageNumber(name: string): number {
    const known = this.images.indexOf(name);
    if (known >= 0) return known;
    if (this.images.length === IMAGES) throw new StatementError(0, `rules ask for at most ${IMAGES} images`);
    return this.images.push(name) - 1;
  }

  private nameNumber(pattern: string): number {
    const known = this.names.indexOf(pattern);
    if (known >= 0) return known;
    if (this.names.length === NAMES) throw new StatementError(0, `rules ask for at most ${NAMES} names`);
    return this.names.push(pattern) - 1;
  }

  /** `universe KIND {` or `image NAME {`. */
  private section(statement: Statement): Section {
    const [kind, name, brace, ...more] = wordsOf(statement);
    const isUniverse = kind!.text === 'universe';
    if (!isUniverse && kind!.text !== 'image')
      throw new StatementError(
        kind!.offset,
        `expected 'universe KIND {' or 'image NAME {', not '${kind!.text}'${suggestion(kind!.text, ['universe', 'image'])}`,
      );
    if (brace?.text !== '{' || more.length > 0)
      throw new StatementError(
        (name ?? kind!).offset,
        `expected ${isUniverse ? `one of ${UNIVERSE_KINDS.join(', ')}` : 'an image'} and '{' after '${kind!.text}'`,
      );
    const fact = (of: keyof typeof FACT, value: number) => test({ of: 'fact', number: FACT[of] }, 'is', value);
    const called = `${kind!.text} ${name!.text}`;
    if (!isUniverse) return { name: called, condition: fact('image', this.imageNumber(name!.text)) };
    const number = (UNIVERSE_KINDS as readonly string[]).indexOf(name!.text);
    if (number < 0)
      throw new StatementError(
        name!.offset,
        `expected one of ${UNIVERSE_KINDS.join(', ')}, not '${name!.text}'${suggestion(name!.text, UNIVERSE_KINDS)}`,
      );
    return { name: called, condition: fact('kind', number) };
  }

  /** Reads on in a ceiling, or begins one. @returns it, if it goes on in the next statement */
  private ceilingLine(
    statement: Statement,
    begun: CeilingBlock | undefined,
    sections: readonly Section[],
  ): CeilingBlock | undefined {
    const block = begun ?? new CeilingBlock(this.sets, statement.place);
    const complain = (offset: number, message: string) => this.problems.push(statement.complain(offset, message));
    const head = begun ? 0 : /^\s*ceiling\s*\{?/.exec(statement.text)![0].length;
    if (!begun) {
      const start = statement.text.search(/\S/);
      if (sections.length > 0)
        complain(start, 'expected a ceiling outside of all sections: it holds for the whole policy');
      if (this.block) complain(start, `a policy has one ceiling, and the first is at ${this.block.place}`);
      if (statement.text[head - 1] !== '{') throw new StatementError(head, "expected 'ceiling {'");
      this.block ??= block;
    }
    for (const { offset, message } of block.read(statement, head)) complain(offset, message);
    return block.closed ? undefined : block;
  }

  private include(statement: Statement, sections: readonly Section[]): void {
    const [, word, more] = wordsOf(statement);
    const name = quoted(word?.text ?? '')?.toString();
    if (!name || more)
      throw new StatementError(
        (more ?? word)?.offset ?? statement.text.length,
        'expected a file in quotes: include "FILE"',
      );
    const file = isAbsolute(name) ? name : joinPath(dirname(statement.file), name);
    const cycle = this.files.findIndex((each) => relative(each, file) === '');
    if (cycle >= 0)
      throw new StatementError(
        word!.offset,
        `files include each other in a circle: ${[...this.files.slice(cycle), file].join(' -> ')}`,
      );
    if (this.files.length > NESTING || ++this.included > FILES)
      throw new StatementError(word!.offset, `a policy includes at most ${FILES} files, ${NESTING} deep`);
    let text: string;
    try {
      text = this.read(file);
    } catch (error) {
      throw new StatementError(word!.offset, `expected a file that can be read (${(error as Error).message})`);
    }
    this.file(text, file, sections);
  }

  private rule(statement: Statement, sections: readonly Section[]): void {
    const { text, outline } = statement;
    const arrow = outline.lastIndexOf('->');
    if (arrow < 0) throw new StatementError(text.length, "expected '-> VERDICT' after the match");
    // What is wrong on both sides of the arrow is said in one go.
    const action = this.attempt(statement, () => readAction(statement, arrow + 2));
    const start = text.length - text.trimStart().length;
    const match = text.slice(start, arrow).trimEnd();
    if (match === '') throw new StatementError(start, "expected a match before '->', such as 'all'");
    const { tree, words } = this.pattern(match, start);
    if (!action) return;
    if (action.verdict === 'forward') requireLimits(action, tree, outline.indexOf('limit', arrow));
    if (this.rules.length === RULES) throw new StatementError(start, `a policy has at most ${RULES} rules`);
    const all = new Map(words);
    for (const { condition, name } of sections) all.set(condition, name);
    this.rules.push({
      place: statement.place,
      match: match.replace(/\s+/g, ' '),
      sections: sections.map(({ name }) => name),
      tree: join('and', [...sections.map(({ condition }) => condition), tree]),
      words: all,
      action,
    });
  }

  private attempt<T>(statement: Statement, read: () => T): T | undefined {
    try {
      return read();
    } catch (error) {
      if (!(error instanceof StatementError)) throw error;
      this.problems.push(statement.complain(error.offset, error.message));
      return undefined;
    }
  }

  private pattern(match: string, start: number) {
    try {
      const pattern = parseExtended(match, this.words);
      if (pattern.tree.kind === 'or' && /^(?:reply|originator|begun)\s+and\b/.test(match)) {
        const word = match.split(/\s/, 1)[0];
        throw new StatementError(
          start,
          `'and' binds more tightly than 'or': write '${word} and (… or …)', or '(${word} and …) or …'`,
        );
      }
      return pattern;
    } catch (error) {
      if (!(error instanceof PatternError)) throw error;
      const near = error.unknown === undefined ? '' : suggestion(error.unknown, [...POLICY_WORDS, ...PATTERN_WORDS]);
      throw new StatementError(start + error.offset, error.message + near);
    }
  }
}

/** Limits by protocol that leave a protocol out would let it leave without any. */
function requireLimits({ limits }: Action, tree: Node, offset: number): void {
  if (limits.length === 0) return;
  const open = new Set<number>();
  for (const [first, last] of possible(tree, { of: 'proto' }, 0xff)) {
    for (let proto = first; proto <= last; proto++) open.add(protocolClass(proto));
  }
  const missing = CLASSES.filter((_, of) => open.has(of) && !limits.some((limit) => concerns(limit, of)));
  if (missing.length === 0) return;
  const names = missing.join(', ');
  throw new StatementError(
    offset,
    `expected limits for ${names} too, which the match lets in; without one they would leave without bound`,
  );
}
