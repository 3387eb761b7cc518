import { packetSet } from './packet-set.js';
import type { Field, Node, Test } from './syntax.js';
import type { Range } from './vocabulary.js';

/** In order, and apart from each other. */
export type Ranges = readonly Range[];

/** Puts ranges in order, and those together that overlap or touch. */
export function tidy(ranges: Ranges): Range[] {
  const result: Range[] = [];
  for (const [first, last] of [...ranges].sort((a, b) => a[0] - b[0])) {
    const before = result.at(-1);
    if (before && first <= before[1] + 1) result[result.length - 1] = [before[0], Math.max(before[1], last)];
    else result.push([first, last]);
  }
  return result;
}

function both(a: Ranges, b: Ranges): Ranges {
  const result: Range[] = [];
  for (let i = 0, j = 0; i < a.length && j < b.length; ) {
    const first = Math.max(a[i]![0], b[j]![0]);
    const last = Math.min(a[i]![1], b[j]![1]);
    if (first <= last) result.push([first, last]);
    if (a[i]![1] < b[j]![1]) i++;
    else j++;
  }
  return result;
}

const sameField = (a: Field, b: Field) =>
  a.of === b.of && (!('number' in a) || !('number' in b) || a.number === b.number) && !('width' in a);

/** The values of its field with which a test holds, or fails; undefined if they are no ranges. */
export function valuesOf(
  { shift, mask, op, value }: Pick<Test, 'shift' | 'mask' | 'op' | 'value'>,
  most: number,
  holds: boolean,
): Ranges | undefined {
  // A mask of leading bits, such as that of a network, leaves a range.
  const rest = most - mask;
  const prefix = rest >= 0 && (rest & (rest + 1)) === 0;
  const whole = op === 'is' ? (value & rest) === 0 : op === 'above' && rest === 0;
  if (shift !== 0 || !prefix || !whole) return undefined;
  const [first, last] = op === 'is' ? [value, value + rest] : [value + 1, most];
  const inside: Ranges = first > last ? [] : [[first, last]];
  if (holds) return inside;
  const outside: Range[] = [];
  if (first > 0) outside.push([0, Math.min(most, first - 1)]);
  if (last < most) outside.push([last + 1, most]);
  return outside;
}

/**
 * The values of a field with which a pattern may hold, whatever else a packet has. It may name too many, never too few.
 * @param most the greatest value of the field
 */
export function possible(tree: Node, field: Field, most: number): Ranges {
  const all: Ranges = [[0, most]];
  const isAll = (ranges: Ranges) => ranges.length === 1 && ranges[0]![0] === 0 && ranges[0]![1] === most;
  return packetSet<Ranges>(tree, {
    all,
    none: [],
    ofTest: (test, holds) => (sameField(test.field, field) && valuesOf(test, most, holds)) || all,
    unite: (lists) => (lists.some(isAll) ? all : tidy(lists.flat())),
    intersect: (lists) => lists.reduce((a, b) => (isAll(a) ? b : isAll(b) ? a : both(a, b))),
  });
}
