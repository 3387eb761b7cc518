import { packetSet } from '../../packet/pattern/packet-set.js';
import { valuesOf } from '../../packet/pattern/ranges.js';
import type { Field, Node, Test } from '../../packet/pattern/syntax.js';
import { type Box, type Budget, isSame, meet } from './boxes.js';
import { FACT } from './facts.js';

const fact = (name: keyof typeof FACT): Field => ({ of: 'fact', number: FACT[name] });

/** What the packets that a policy is about are told apart by, and the greatest value that a test of it may name. */
export const DIMENSIONS: readonly { readonly field: Field; readonly most: number }[] = [
  { field: fact('way'), most: 0xffffffff },
  { field: { of: 'proto' }, most: 0xff },
  { field: { of: 'dst' }, most: 0xffffffff },
  { field: { of: 'dport' }, most: 0xffff },
  { field: fact('kind'), most: 0xffffffff },
  { field: fact('image'), most: 0xffffffff },
];

/** Places of dimensions. */
export const DIMENSION = { way: 0, proto: 1, dst: 2, dport: 3, kind: 4, image: 5 } as const;

/** All packets. */
export const EVERYTHING: Box = DIMENSIONS.flatMap(({ most }) => [0, most]);

const isOf = (a: Field, b: Field): boolean =>
  a.of === b.of && (a.of !== 'fact' || (b.of === 'fact' && a.number === b.number));

/**
 * Packets that a match holds for, as boxes. What they do not tell, such as a payload, a depth or a source, may hold or not: the
 * boxes are then too large, or, if only those are wanted for which it surely holds, too small.
 * @throws {TooHard}
 */
export function regionsOf(tree: Node, surely: boolean, budget: Budget): Box[] {
  const both = (a: readonly Box[], b: readonly Box[]): Box[] => {
    budget.spend(a.length * b.length);
    const met = a.flatMap((one) => b.map((other) => meet(one, other)));
    return met.filter((box) => box !== undefined);
  };
  return packetSet<Box[]>(tree, {
    all: [EVERYTHING],
    none: [],
    ofTest: (test, holds) => boxesOf(test, holds) ?? (surely ? [] : [EVERYTHING]),
    unite(lists) {
      const all = lists.flat();
      budget.spend(all.length);
      return all.some((box) => isSame(box, EVERYTHING)) ? [EVERYTHING] : all;
    },
    intersect: (lists) => lists.reduce(both, [EVERYTHING]),
  });
}

/** Boxes in which a test holds, or fails; undefined if they do not tell. */
function boxesOf(test: Test, holds: boolean): Box[] | undefined {
  // Later fragments decide about nothing, so there are none.
  if (test.field.of === 'fragment' && test.op === 'above' && test.value >= 1 && test.shift === 0)
    return holds ? [] : [EVERYTHING];
  const at = DIMENSIONS.findIndex(({ field }) => isOf(field, test.field));
  const values = at < 0 ? undefined : valuesOf(test, DIMENSIONS[at]!.most, holds);
  return values?.map(([first, last]) => EVERYTHING.with(2 * at, first).with(2 * at + 1, last));
}
