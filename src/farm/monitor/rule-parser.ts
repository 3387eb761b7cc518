import { suggestion } from '../../pipeline/click/suggest.js';
import { Line, Mistake } from '../words.js';
import type { Evidence } from './evidence.js';
import { FACT_NAMES, FACTS, type FactName, SHOWN, showFact } from './facts.js';
import type { Condition, Rule } from './rules.js';

/** Bounds of what a person may write. */
const RULES = 256;
const SCORE = 1000;
const REASON = 200;
const COMMON = 256;
const BYTES = 64;
const PAYLOAD = { least: 8, most: 1024 };
const AMOUNT = 2 ** 40;

const KEYS = ['interesting', 'malicious', 'payload', 'common'];
const ORDER = `'FACT > AMOUNT score N "reason"'`;

const SCALE: Readonly<Record<string, readonly [plain: number, bytes: number]>> = {
  '': [1, 1],
  k: [1e3, 2 ** 10],
  M: [1e6, 2 ** 20],
  G: [1e9, 2 ** 30],
};

/** Reads a file of rules. What is wrong is in `problems`, each with file:line:column. */
export class RuleParser {
  readonly problems: string[] = [];
  readonly rules: Rule[] = [];
  readonly thresholds: { interesting?: number; malicious?: number } = {};
  readonly common: Uint8Array[] = [];
  payload: number | undefined;
  private readonly file: string;
  private place = '';

  constructor(file: string) {
    this.file = file;
  }

  read(text: string): void {
    const lines = text.split(/\r?\n/);
    for (const [index, content] of lines.entries()) {
      this.place = `${this.file}:${index + 1}`;
      try {
        const line = new Line(content);
        if (!line.done) this.statement(line);
      } catch (error) {
        if (!(error instanceof Mistake)) throw error;
        this.problems.push(`${this.place}:${error.column}: ${error.message}`);
      }
    }
    const missing = (['interesting', 'malicious'] as const).filter((name) => this.thresholds[name] === undefined);
    if (missing.length > 0 && this.problems.length === 0)
      this.problems.push(`${this.file}:${lines.length}:1: expected '${missing[0]} at SCORE' somewhere`);
  }

  private statement(line: Line): void {
    const { column } = line;
    const word = line.word(`a rule, ${ORDER}, or one of ${KEYS.join(', ')}`);
    if (word === 'interesting' || word === 'malicious') this.threshold(word, line, column);
    else if (word === 'payload') {
      if (this.payload !== undefined) throw new Mistake(column, "'payload' is given twice");
      this.payload = line.number('how many bytes make a fingerprint', PAYLOAD.least, PAYLOAD.most);
    } else if (word === 'common') {
      if (this.common.length === COMMON) throw new Mistake(column, `at most ${COMMON} payloads are common`);
      const at = line.column;
      const begin = line.text('how payloads begin that anybody sends', BYTES);
      if (begin === '') throw new Mistake(at, 'every payload begins with nothing');
      this.common.push(Buffer.from(begin, 'latin1'));
    } else this.rule(word, line, column);
    if (!line.done) throw new Mistake(line.column, 'expected the end of the line');
  }

  private threshold(name: 'interesting' | 'malicious', line: Line, column: number): void {
    if (this.thresholds[name] !== undefined) throw new Mistake(column, `'${name}' is given twice`);
    if (!line.skip('at')) throw new Mistake(line.column, `expected 'at' after '${name}'`);
    const at = line.column;
    this.thresholds[name] = line.number('a score', 1, SCORE * RULES);
    const { interesting = 0, malicious = Number.POSITIVE_INFINITY } = this.thresholds;
    if (interesting > malicious)
      throw new Mistake(at, 'what is malicious is of interest: its score is not the lower one');
  }

  private rule(first: string, line: Line, column: number): void {
    const conditions = [this.condition(first, line, column)];
    while (line.skip('and')) {
      const at = line.column;
      conditions.push(this.condition(line.word('a fact'), line, at));
    }
    if (!line.skip('score')) throw new Mistake(line.column, `expected 'and' or 'score' here: a rule is ${ORDER}`);
    const score = line.number('a score', 1, SCORE);
    const at = line.column;
    const reason = readReason(line.text('the reason in words', REASON), at + 1);
    if (this.rules.length === RULES) throw new Mistake(column, `at most ${RULES} rules`);
    this.rules.push({ place: this.place, conditions, score, reason });
  }

  private condition(name: string, line: Line, column: number): Condition {
    const fact = factCalled(name, column, KEYS);
    const at = line.column;
    const op = line.word(`'>' or '>=' after '${fact}'`);
    if (op !== '>' && op !== '>=')
      throw new Mistake(at, `expected '>' or '>=' after '${fact}', not '${op}': what rises must not make a score fall`);
    const more = op === '>' ? 1 : 0;
    const { bytes } = FACTS[fact];
    if (bytes && line.skip('allowance')) return { fact, least: more, allowance: true };
    return { fact, least: readAmount(line, bytes === true) + more, allowance: false };
  }
}

function factCalled(name: string, column: number, others: readonly string[]): FactName {
  if (Object.hasOwn(FACTS, name)) return name as FactName;
  const near = suggestion(name, [...FACT_NAMES, ...others]);
  throw new Mistake(column, `unknown fact '${name}'${near}; known are ${FACT_NAMES.join(', ')}`);
}

/** `10`, `2k`; of bytes `4M`. */
function readAmount(line: Line, bytes: boolean): number {
  const { column } = line;
  const expected = bytes ? "a size such as 4M, or 'allowance'" : 'a whole number such as 10';
  const word = line.word(expected);
  const [, digits, unit] = /^(\d{1,10})([kMG]?)$/.exec(word) ?? [];
  const amount = digits === undefined ? Number.NaN : Number(digits) * SCALE[unit!]![bytes ? 1 : 0];
  if (!(amount <= AMOUNT)) throw new Mistake(column, `expected ${expected}, not '${word}'`);
  return amount;
}

/** A text in which `{fact}` stands for its value, and `{fact noun}` for a number of such things. */
function readReason(bytes: string, column: number): (of: Evidence) => string {
  const text = Buffer.from(bytes, 'latin1').toString('utf8');
  if (text.trim() === '') throw new Mistake(column, 'expected a reason in words');
  const parts: ((of: Evidence) => string)[] = [];
  let rest = 0;
  for (const match of text.matchAll(/\{([^{}]*)\}|[{}]/g)) {
    const [whole, inner] = match;
    const before = text.slice(rest, match.index);
    parts.push(() => before, partCalled(inner, column + match.index));
    rest = match.index + whole.length;
  }
  const end = text.slice(rest);
  return (of) => parts.map((part) => part(of)).join('') + end;
}

function partCalled(inner: string | undefined, column: number): (of: Evidence) => string {
  const [, name, noun] = /^(\S+)(?: (\S.*))?$/.exec(inner ?? '') ?? [];
  if (name === undefined) throw new Mistake(column, "expected '{fact}' or '{fact noun}'");
  if (noun === undefined && Object.hasOwn(SHOWN, name)) return SHOWN[name]!;
  const fact = factCalled(name, column + 1, Object.keys(SHOWN));
  return (of) => showFact(fact, noun, of);
}
