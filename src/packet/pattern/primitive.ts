import { ANY_TRANSPORT, TCP_OR_UDP } from './names.js';
import { always, type Field, join, type Node, not, PatternError, test } from './syntax.js';
import type { Range } from './vocabulary.js';

export type Type = 'host' | 'net' | 'proto' | 'port' | 'opt' | 'frag' | 'unfrag' | 'ect' | 'ce' | 'field';

export type Ends = 'src' | 'dst' | 'or' | 'and';

/** A header field that is compared with a number. */
export interface NumberField {
  /** How to call it in messages. */
  readonly name: string;
  readonly field: Field;
  readonly bits: number;
  readonly shift: number;
}

/** One primitive as it was written, or as what was left out was taken over from the one before it. */
export interface Primitive {
  /** Where it begins in the text. */
  readonly offset: number;
  type?: Type;
  ends?: Ends;
  /** Protocol number, TCP_OR_UDP or ANY_TRANSPORT. */
  proto?: number;
  field?: NumberField;
  /** Bits that `& MASK` leaves. */
  bits?: number;
  op: '=' | '!=' | '>' | '<' | '>=' | '<=';
  data?: Data;
}

export type Data =
  | { readonly kind: 'number' | 'host' | 'proto' | 'port' | 'opt' | 'icmp-type'; readonly value: number }
  | { readonly kind: 'net'; readonly value: number; readonly mask: number };

const FIRST_FRAGMENT = not(test({ of: 'fragment' }, 'above', 1));

/** The test for a protocol; one that stands for any needs none. */
function protocol(proto: number | undefined): Node[] {
  if (proto === undefined || proto === ANY_TRANSPORT) return [];
  const one = (number: number) => test({ of: 'proto' }, 'is', number);
  return [proto === TCP_OR_UDP ? join('or', [one(6), one(17)]) : one(proto)];
}

/**
 * What a primitive tests. Ports, TCP options and all that is in a transport header exist in first fragments only, so
 * these tests imply the protocol and that it is one, also when they are negated: `port != 80` is about TCP and UDP.
 * @throws {PatternError} if its parts do not fit each other.
 */
export function build(primitive: Primitive): Node {
  const { type, ends, proto, offset } = primitive;
  const fail = (message: string): never => {
    throw new PatternError(message, offset);
  };
  if (ends && type !== 'host' && type !== 'net' && type !== 'port') fail(`'src' and 'dst' say nothing here`);
  switch (type) {
    case 'host':
    case 'net':
      return join('and', [...protocol(proto), address(primitive, fail)]);
    case 'proto':
      return protocolTest(primitive, fail);
    case 'port': {
      if (proto !== undefined && proto !== 6 && proto !== 17 && proto !== TCP_OR_UDP)
        fail('this protocol has no ports');
      const value = numberOf(primitive, ['number', 'port']) ?? fail('a port number is missing');
      const one = (of: 'sport' | 'dport', op: Primitive['op']) =>
        compare({ name: 'port', field: { of }, bits: 16, shift: 0 }, { ...primitive, op }, value);
      const either = bothEnds(primitive, (end, op) => one(end === 'src' ? 'sport' : 'dport', op));
      return join('and', [FIRST_FRAGMENT, ...protocol(proto ?? TCP_OR_UDP), either]);
    }
    case 'opt': {
      if (proto !== undefined && proto !== 6) fail('only TCP has these options');
      if (primitive.op !== '=' || primitive.bits !== undefined) fail(`'tcp opt' takes neither comparison nor mask`);
      const value = numberOf(primitive, ['number', 'opt']) ?? fail('a TCP option is missing');
      if (value > 255) fail('TCP options are numbers from 0 to 255');
      const flags = test({ of: 'tcpFlags' }, 'is', value, { mask: value });
      return join('and', [FIRST_FRAGMENT, ...protocol(6), flags]);
    }
    case 'frag':
    case 'unfrag': {
      bare(primitive, fail);
      const frag = test({ of: 'fragment' }, 'above', 0);
      return join('and', [...protocol(proto), type === 'frag' ? frag : not(frag)]);
    }
    case 'ce':
    case 'ect': {
      bare(primitive, fail);
      const bits = test({ of: 'ip', offset: 1, width: 1 }, 'above', type === 'ce' ? 2 : 0, { mask: 3 });
      return join('and', [...protocol(proto), bits]);
    }
    case 'field': {
      const field = primitive.field!;
      const value = numberOf(primitive, ['number', 'icmp-type']) ?? fail(`${field.name} is compared with nothing`);
      const guard = field.field.of === 'ip' ? [] : [FIRST_FRAGMENT];
      return join('and', [...guard, ...protocol(proto), compare(field, primitive, value)]);
    }
    default:
      return fail('this says nothing about a packet');
  }
}

/**
 * Whether addresses, or ports, are among those of a set.
 * @throws {PatternError} if the primitive's other parts do not fit.
 */
export function buildMember(primitive: Primitive, kind: 'set' | 'ports', members: readonly Range[]): Node {
  const { proto, offset } = primitive;
  if (kind === 'set') return join('and', [...protocol(proto), bothEnds(primitive, (of) => among({ of }, members))]);
  if (proto !== undefined && proto !== 6 && proto !== 17 && proto !== TCP_OR_UDP)
    throw new PatternError('this protocol has no ports', offset);
  const either = bothEnds(primitive, (end) => among({ of: end === 'src' ? 'sport' : 'dport' }, members));
  return join('and', [FIRST_FRAGMENT, ...protocol(proto ?? TCP_OR_UDP), either]);
}

/** Halves the ranges with each test, so that a set of thousands takes a dozen. */
function among(field: Field, ranges: readonly Range[]): Node {
  if (ranges.length === 0) return always(false);
  if (ranges.length === 1) {
    const [first, last] = ranges[0]!;
    if (first === last) return test(field, 'is', first);
    const tests = [not(test(field, 'above', last))];
    if (first > 0) tests.unshift(test(field, 'above', first - 1));
    return join('and', tests);
  }
  const middle = ranges.length >> 1;
  const [above, below] = [ranges.slice(middle), ranges.slice(0, middle)];
  const upper = test(field, 'above', above[0]![0] - 1);
  return { kind: 'if', test: upper, yes: among(field, above), no: among(field, below) };
}

function bare({ type, op, bits, data }: Primitive, fail: (message: string) => never): void {
  if (op !== '=' || bits !== undefined || data !== undefined) fail(`'${type}' stands alone`);
}

function numberOf({ data }: Primitive, kinds: readonly Data['kind'][]): number | undefined {
  return data && kinds.includes(data.kind) ? data.value : undefined;
}

/**
 * Combines the tests of the ends. `!=` denies both together, so `port != 80` means that neither is 80; the orderings
 * hold for each end by itself.
 */
function bothEnds({ ends = 'or', op }: Primitive, one: (end: 'src' | 'dst', op: Primitive['op']) => Node): Node {
  const inner = op === '!=' ? '=' : op;
  const joined =
    ends === 'src' || ends === 'dst' ? one(ends, inner) : join(ends, [one('src', inner), one('dst', inner)]);
  return op === '!=' ? not(joined) : joined;
}

function address(primitive: Primitive, fail: (message: string) => never): Node {
  const { type, data, op, bits } = primitive;
  if (data?.kind !== type || (data?.kind !== 'host' && data?.kind !== 'net')) {
    return fail(type === 'net' ? 'a prefix such as 10.0.0.0/8 is missing' : 'an address is missing');
  }
  if (op !== '=' && op !== '!=') fail('addresses are compared with = and != only');
  const mask = bits ?? (data.kind === 'net' ? data.mask : 0xffffffff);
  return bothEnds(primitive, (of) => test({ of }, 'is', (data.value & mask) >>> 0, { mask }));
}

function protocolTest(primitive: Primitive, fail: (message: string) => never): Node {
  const { data, proto, op, bits } = primitive;
  const value = numberOf(primitive, ['number', 'proto']);
  if (data && value === undefined) fail('a protocol is missing');
  if (value !== undefined && proto !== undefined) fail('two protocols at once');
  const number = value ?? proto ?? fail('a protocol is missing');
  if (number > 255) {
    if ((op !== '=' && op !== '!=') || bits !== undefined) fail('several protocols are compared with = and != only');
    const either = join('and', number === ANY_TRANSPORT ? [always(true)] : protocol(number));
    return op === '=' ? either : not(either);
  }
  return compare({ name: 'proto', field: { of: 'proto' }, bits: 8, shift: 0 }, primitive, number);
}

/** Compares a number with a value. A comparison with bytes that the packet does not have fails, `!=` as well. */
function compare(
  { name, field, bits, shift }: NumberField,
  { op, bits: given, offset }: Primitive,
  value: number,
): Node {
  const full = 2 ** bits - 1;
  const mask = given ?? full;
  if (mask > full) throw new PatternError(`${name} has ${bits} bits; the mask has more`, offset);
  const there = (node: Node) => ('width' in field ? join('and', [test(field, 'has', 0), node]) : node);
  const above = (least: number) => test(field, 'above', least, { shift, mask });
  switch (op) {
    case '=':
    case '!=': {
      if (value > full) throw new PatternError(`${name} is a number from 0 to ${full}`, offset);
      const is = test(field, 'is', (value & mask) >>> 0, { shift, mask });
      return op === '=' ? is : there(not(is));
    }
    case '>':
      return above(value);
    case '<=':
      return there(not(above(value)));
    case '>=':
      return value === 0 ? there(always(true)) : above(value - 1);
    case '<':
      return value === 0 ? always(false) : there(not(above(value - 1)));
  }
}
