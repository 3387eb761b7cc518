import type { Node, Test } from './syntax.js';

/** Sets of packets, in whatever way they are kept. */
export interface PacketSets<Set> {
  readonly all: Set;
  readonly none: Set;
  /** Packets for which a test holds, or fails. */
  ofTest(test: Test, holds: boolean): Set;
  unite(sets: readonly Set[]): Set;
  intersect(sets: readonly Set[]): Set;
}

/** The packets for which a pattern holds. */
export function packetSet<Set>(tree: Node, { all, none, ofTest, unite, intersect }: PacketSets<Set>): Set {
  const of = (node: Node, holds: boolean): Set => {
    switch (node.kind) {
      case 'always':
        return node.value === holds ? all : none;
      case 'not':
        return of(node.term, !holds);
      case 'test':
        return ofTest(node, holds);
      case 'if':
        return unite([
          intersect([of(node.test, true), of(node.yes, holds)]),
          intersect([of(node.test, false), of(node.no, holds)]),
        ]);
      default: {
        const terms = node.terms.map((term) => of(term, holds));
        return (node.kind === 'and') === holds ? intersect(terms) : unite(terms);
      }
    }
  };
  return of(tree, true);
}
