/**
 * What a test looks at: a column of the packet table, bytes counted from the IP header, the transport header or what follows
 * it, or a fact that no packet holds, by a number that its user gives it.
 */
export type Field =
  | { readonly of: 'src' | 'dst' | 'sport' | 'dport' | 'proto' | 'tcpFlags' | 'fragment' }
  | { readonly of: 'ip' | 'transport' | 'payload'; readonly offset: number; readonly width: number }
  | { readonly of: 'fact'; readonly number: number };

/**
 * Whether ((field >>> shift) & mask) is, or is greater than, a value; all numbers are unsigned. `has` asks whether the
 * packet has the bytes at all; a test of bytes that it does not have fails.
 */
export interface Test {
  readonly kind: 'test';
  readonly field: Field;
  readonly shift: number;
  readonly mask: number;
  readonly op: 'is' | 'above' | 'has';
  readonly value: number;
}

export type Node =
  | Test
  | { readonly kind: 'always'; readonly value: boolean }
  | { readonly kind: 'not'; readonly term: Node }
  | { readonly kind: 'and' | 'or'; readonly terms: readonly Node[] }
  | { readonly kind: 'if'; readonly test: Node; readonly yes: Node; readonly no: Node };

/** A pattern that was read and found sound. */
export interface Pattern {
  readonly text: string;
  readonly tree: Node;
  /** The words that each primitive stands in. */
  readonly words: ReadonlyMap<Node, string>;
}

/** A pattern that makes no sense, and where in its text. */
export class PatternError extends Error {
  readonly offset: number;
  /** The word that nobody knows, if that is what is wrong. */
  readonly unknown: string | undefined;

  constructor(message: string, offset: number, unknown?: string) {
    super(message);
    this.offset = offset;
    this.unknown = unknown;
  }
}

export const always = (value: boolean): Node => ({ kind: 'always', value });

export const not = (term: Node): Node => ({ kind: 'not', term });

/** All of them, or any of them; one alone stands for itself. */
export function join(kind: 'and' | 'or', terms: readonly Node[]): Node {
  return terms.length === 1 ? terms[0]! : { kind, terms };
}

const FULL: Readonly<Record<string, number>> = {
  src: 0xffffffff,
  dst: 0xffffffff,
  sport: 0xffff,
  dport: 0xffff,
  proto: 0xff,
  tcpFlags: 0xff,
  fragment: 0xff,
  fact: 0xffffffff,
};

/** A test of a whole field, or of the bits that `more.mask` leaves. */
export function test(field: Field, op: Test['op'], value: number, more: { shift?: number; mask?: number } = {}): Node {
  const full = 'width' in field ? 2 ** (8 * field.width) - 1 : FULL[field.of]!;
  return { kind: 'test', field, op, value, shift: more.shift ?? 0, mask: more.mask ?? full };
}
