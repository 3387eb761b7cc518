import { parseAddress, prefixMask } from '../address.js';
import { parseNumber, type Token, tokenize } from './lexer.js';
import { ANY_TRANSPORT, ICMP_TYPES, PORTS, PROTOCOLS, TCP_FLAGS, TCP_OR_UDP } from './names.js';
import { build, buildMember, type Data, type NumberField, type Primitive, type Type } from './primitive.js';
import { always, join, type Node, not, type Pattern, PatternError } from './syntax.js';
import type { Vocabulary, Words } from './vocabulary.js';

const ipField = (name: string, offset: number, width: number, bits = width * 8, shift = 0): NumberField => ({
  name: `ip ${name}`,
  field: { of: 'ip', offset, width },
  bits,
  shift,
});

interface Subject {
  readonly type: Type;
  readonly field?: NumberField;
  readonly proto?: number;
}

const tcpWindow: NumberField = {
  name: 'tcp win',
  field: { of: 'transport', offset: 14, width: 2 },
  bits: 16,
  shift: 0,
};

const icmpType: NumberField = { name: 'icmp type', field: { of: 'sport' }, bits: 8, shift: 8 };

/** Words that say what a primitive is about. */
const TYPES: ReadonlyMap<string, Subject> = new Map<string, Subject>([
  ...(['host', 'net', 'proto', 'port', 'opt', 'frag', 'unfrag', 'ect', 'ce'] as const).map(
    (type): [string, Subject] => [type, { type }],
  ),
  ...[
    ipField('vers', 0, 1, 4, 4),
    ipField('hl', 0, 1, 4),
    ipField('tos', 1, 1),
    ipField('dscp', 1, 1, 6, 2),
    ipField('len', 2, 2),
    ipField('id', 4, 2),
    ipField('ttl', 8, 1),
  ].map((field): [string, Subject] => [field.name.slice(3), { type: 'field', field }]),
  ['win', { type: 'field', proto: 6, field: tcpWindow }],
  ['type', { type: 'field', proto: 1, field: icmpType }],
]);

const OPERATORS: ReadonlyMap<string, Primitive['op']> = new Map([
  ['=', '='],
  ['==', '='],
  ['!=', '!='],
  ['>', '>'],
  ['<', '<'],
  ['>=', '>='],
  ['<=', '<='],
]);

/** Every word that a pattern may hold, for suggestions. */
export const PATTERN_WORDS: readonly string[] = [
  ...['all', 'none', 'and', 'or', 'not', 'true', 'false', 'src', 'dst', 'ip', 'mask'],
  ...[TYPES, PROTOCOLS, PORTS, TCP_FLAGS, ICMP_TYPES].flatMap((names) => [...names.keys()]),
];

/** Parentheses, negations and `?:` may be nested so deeply. */
const DEPTH = 100;

/**
 * Reads a pattern of Click's IPClassifier.
 * @throws {PatternError} that says what is wrong and where.
 */
export function parsePattern(text: string): Pattern {
  return parseExtended(text);
}

/** Reads a pattern that may use further words. @throws {PatternError} */
export function parseExtended(text: string, vocabulary?: Vocabulary): Pattern {
  const tokens = tokenize(text);
  if (tokens.length === 0) throw new PatternError('the pattern is empty', 0);
  if (tokens.length === 1) {
    const [{ text: word }] = tokens as [Token];
    const words = new Map();
    if (word === '-' || word === 'all' || word === 'any') return { text, tree: always(true), words };
    if (word === 'none') return { text, tree: always(false), words };
  }
  const parser = new Parser(tokens, text.length, vocabulary);
  return { text, tree: parser.pattern(), words: parser.words };
}

class Parser implements Words {
  readonly words = new Map<Node, string>();
  private readonly tokens: readonly Token[];
  private readonly end: number;
  private at = 0;
  private depth = 0;
  /** The primitive before, from which the next takes over what it leaves out. */
  private last: Primitive | undefined;
  private readonly vocabulary: Vocabulary | undefined;

  constructor(tokens: readonly Token[], end: number, vocabulary: Vocabulary | undefined) {
    this.tokens = tokens;
    this.end = end;
    this.vocabulary = vocabulary;
  }

  pattern(): Node {
    const tree = this.expression();
    if (this.at < this.tokens.length) this.fail(`'${this.word()}' is unexpected here`);
    return tree;
  }

  word(ahead = 0): string {
    return this.tokens[this.at + ahead]?.text ?? '';
  }

  take(): string {
    return this.tokens[this.at++]?.text ?? '';
  }

  private offset(): number {
    return this.tokens[this.at]?.offset ?? this.end;
  }

  fail(message: string, unknown?: string): never {
    throw new PatternError(message, this.offset(), unknown);
  }

  private accept(...words: string[]): boolean {
    if (!words.includes(this.word())) return false;
    this.at++;
    return true;
  }

  private nested<T>(read: () => T): T {
    if (++this.depth > DEPTH) this.fail('the pattern is nested too deeply');
    const result = read();
    this.depth--;
    return result;
  }

  private expression(): Node {
    const test = this.alternatives();
    if (!this.accept('?')) return test;
    return this.nested(() => {
      const yes = this.expression();
      if (!this.accept(':')) this.fail(`':' is missing after '?'`);
      return { kind: 'if', test, yes, no: this.expression() };
    });
  }

  private alternatives(): Node {
    const terms = [this.conjunction()];
    while (this.accept('or', '||')) terms.push(this.conjunction());
    return join('or', terms);
  }

  /** Factors joined by `and`, or by nothing. */
  private conjunction(): Node {
    const factors = [this.factor()];
    for (;;) {
      const joined = this.accept('and', '&&');
      if (!joined && ['', ')', 'or', '||', '?', ':'].includes(this.word())) return join('and', factors);
      factors.push(this.factor());
    }
  }

  private factor(): Node {
    if (this.accept('not', '!')) return this.nested(() => not(this.factor()));
    if (this.accept('(')) {
      return this.nested(() => {
        const inner = this.expression();
        if (!this.accept(')')) this.fail(`')' is missing`);
        return inner;
      });
    }
    if (this.accept('true')) return always(true);
    if (this.accept('false')) return always(false);
    return this.primitive();
  }

  /** A primitive, and the words it was written in. */
  private primitive(): Node {
    const first = this.at;
    const node = this.vocabulary?.fact(this) ?? this.directive();
    const words = this.tokens.slice(first, this.at).map(({ text }) => text);
    this.words.set(node, words.join(' '));
    return node;
  }

  private directive(): Node {
    const first = this.at;
    const primitive: Primitive = { offset: this.offset(), op: '=' };
    const negated = this.qualifiers(primitive);
    const qualified = this.at > first;
    const members = this.vocabulary && primitive.type === undefined && this.members(primitive);
    if (members) return negated ? not(members) : members;
    if (qualified && primitive.type === undefined && this.word() === '[') this.brackets(primitive);
    if (this.word() === '&' && parseNumber(this.word(1)) !== undefined) {
      primitive.bits = parseNumber(this.word(1))!;
      if (primitive.bits === 0) this.fail('a mask of 0 leaves nothing');
      this.at += 2;
    }
    const op = OPERATORS.get(this.word());
    if (op) {
      primitive.op = op;
      this.at++;
    }
    const data = this.data(primitive);
    if (data) primitive.data = data;
    else if (op) this.fail(`there is nothing to compare with after '${this.word(-1)}'`);
    if (this.at === first) {
      if (this.word() === '') this.fail('the pattern ends too early');
      else this.fail(`unknown word '${this.word()}'`, this.word());
    }
    if (onlyIp(this.tokens.slice(first, this.at))) return always(true);
    this.complete(primitive, qualified ? undefined : this.last);
    const node = build(primitive);
    this.last = primitive;
    return negated ? not(node) : node;
  }

  /** `set NAME` or `ports NAME`, if that comes next. */
  private members(primitive: Primitive): Node | undefined {
    const kind = this.word();
    if (kind !== 'set' && kind !== 'ports') return undefined;
    this.at++;
    const members = this.vocabulary!.members(kind, this);
    this.at++;
    this.last = undefined;
    return buildMember(primitive, kind, members);
  }

  /** Reads the words that say what the primitive is about. Returns whether a `not` among them negates it. */
  private qualifiers(primitive: Primitive): boolean {
    let negated = false;
    for (; this.at < this.tokens.length; this.at++) {
      const word = this.word();
      const type = TYPES.get(word);
      const proto = PROTOCOLS.get(word);
      if (type) {
        if (primitive.type) this.fail(`'${word}' is too much: the directive is complete`);
        primitive.type = type.type;
        if (type.field) primitive.field = type.field;
        if (type.proto !== undefined) this.setProtocol(primitive, type.proto);
      } else if (proto !== undefined) {
        this.setProtocol(primitive, proto);
        if (primitive.type === 'proto') {
          this.at++;
          break;
        }
      } else if (word === 'src' || word === 'dst' || word === 'dest') this.ends(primitive, word);
      else if (word === 'not' || word === '!') negated = !negated;
      else if (word !== 'ip') break;
    }
    return negated;
  }

  private setProtocol(primitive: Primitive, proto: number): void {
    if (primitive.proto !== undefined && primitive.proto !== proto) this.fail('two protocols at once');
    primitive.proto = proto;
  }

  private ends(primitive: Primitive, word: string): void {
    if (primitive.ends) this.fail(`'src' or 'dst' is given twice`);
    const both = word === 'src' && ['dst', 'dest'].includes(this.word(2));
    if (both && ['and', '&&'].includes(this.word(1))) primitive.ends = 'and';
    else if (both && ['or', '||'].includes(this.word(1))) primitive.ends = 'or';
    else {
      primitive.ends = word === 'src' ? 'src' : 'dst';
      return;
    }
    this.at += 2;
  }

  /** `[POS]`, `[POS:LEN]` or `[FIRST,LAST]`. */
  private brackets(primitive: Primitive): void {
    this.at++;
    const offset = parseNumber(this.word());
    if (offset === undefined || offset > 0xffff) this.fail('a byte position is expected');
    this.at++;
    let width = 1;
    if (this.word() === ':' || this.word() === ',') {
      const number = parseNumber(this.word(1)) ?? Number.NaN;
      width = this.word() === ':' ? number : number - offset + 1;
      this.at++;
      if (!(width >= 1 && width <= 4)) this.fail('1 to 4 bytes can be tested at once');
      this.at++;
    }
    if (!this.accept(']')) this.fail(`']' is missing`);
    const of = primitive.proto === undefined ? 'ip' : 'transport';
    primitive.type = 'field';
    primitive.field = { name: `${of}[…]`, field: { of, offset, width }, bits: width * 8, shift: 0 };
  }

  /** Reads a number, an address or a name, if the next word is one. */
  private data({ type, proto, field }: Primitive): Data | undefined {
    const word = this.word();
    const named = namedData(word, type, proto, field);
    if (named.length > 1) this.fail(`'${word}' can be ${named.map(({ kind }) => KINDS[kind]).join(' or ')}: say which`);
    const data = named[0] ?? this.numericData(word);
    if (data) this.at++;
    return data;
  }

  private numericData(word: string): Data | undefined {
    const number = parseNumber(word);
    if (number !== undefined) return { kind: 'number', value: number };
    const address = parseAddress(word);
    if (address !== undefined) {
      const mask = this.word(1) === 'mask' ? parseAddress(this.word(2)) : undefined;
      if (mask === undefined) return { kind: 'host', value: address };
      this.at += 2;
      return { kind: 'net', value: address, mask };
    }
    const [base, length, more] = word.split('/');
    const value = parseAddress(base!);
    if (value === undefined || length === undefined || more !== undefined) return undefined;
    const mask = /^\d{1,2}$/.test(length) && Number(length) <= 32 ? prefixMask(Number(length)) : parseAddress(length);
    if (mask === undefined) this.fail(`'${length}' is neither a prefix length nor a mask`);
    return { kind: 'net', value, mask };
  }

  /** Finds out what a primitive is about that does not say so itself. */
  private complete(primitive: Primitive, last: Primitive | undefined): void {
    const { data } = primitive;
    if (!primitive.type && !data && primitive.proto !== undefined) primitive.type = 'proto';
    if (primitive.type || !data) return;
    const inherit = (...what: ('ends' | 'proto' | 'field')[]) => {
      for (const key of what) {
        if (primitive[key] === undefined && last?.[key] !== undefined) Object.assign(primitive, { [key]: last[key] });
      }
    };
    if (data.kind === 'number') {
      if (last?.type !== 'port' && last?.type !== 'proto' && last?.type !== 'field') {
        throw new PatternError(`'${data.value}' is a number of what? Say a header field, or 'port'`, primitive.offset);
      }
      primitive.type = last.type;
      if (last.type === 'port') inherit('ends', 'proto');
      if (last.type === 'field') inherit('field', 'proto');
    } else if (data.kind === 'icmp-type') {
      Object.assign(primitive, { ...TYPES.get('type'), proto: 1 });
    } else {
      primitive.type = data.kind;
      if (data.kind === 'port') inherit('ends');
      if (data.kind === 'port' && [6, 17, TCP_OR_UDP].includes(last?.proto ?? 0)) inherit('proto');
      if (data.kind === 'host' || data.kind === 'net') inherit('ends');
    }
  }
}

const KINDS: Readonly<Record<string, string>> = {
  proto: 'a protocol',
  port: 'a port',
  opt: 'a TCP option',
  'icmp-type': 'an ICMP type',
};

/** What a name can mean where it stands. */
function namedData(
  word: string,
  type: Type | undefined,
  proto: number | undefined,
  field: NumberField | undefined,
): Data[] {
  const found: Data[] = [];
  const look = (kind: 'proto' | 'port' | 'opt' | 'icmp-type', names: ReadonlyMap<string, number>, fits: boolean) => {
    const value = names.get(word);
    if (value !== undefined && fits) found.push({ kind, value });
  };
  const within = (...protocols: number[]) => proto === undefined || proto >= 256 || protocols.includes(proto);
  look('proto', PROTOCOLS, type === 'proto');
  look('port', PORTS, type === 'port' || (type === undefined && within(6, 17)));
  look('opt', TCP_FLAGS, type === 'opt' || (type === undefined && within(6)));
  const icmp =
    type === 'field' ? field?.name === 'icmp type' : type === undefined && proto !== ANY_TRANSPORT && within(1);
  look('icmp-type', ICMP_TYPES, icmp);
  return found;
}

/** `ip` alone is true of every packet. */
function onlyIp(tokens: readonly Token[]): boolean {
  return tokens.length > 0 && tokens.every(({ text }) => text === 'ip');
}
