import { formatAddress } from '../packet/address.js';
import type { Clones } from './clones.js';

/** All clones, a line each. */
export function listClones(clones: Clones, delta: (id: number) => number): string {
  return [...clones]
    .map((clone) =>
      [
        clone.id,
        clone.universe.id,
        formatAddress(clone.address),
        clones.imageOf(clone),
        clone.state,
        clone.depth,
        clone.parent?.id ?? '-',
        delta(clone.id),
      ].join('\t'),
    )
    .join('\n');
}

/** All universes, a line each. */
export function listUniverses({ universes }: Clones): string {
  return [...universes]
    .map(({ id, source, target, clones, depth }) =>
      [id, formatAddress(source), formatAddress(target), clones.size, depth].join('\t'),
    )
    .join('\n');
}
