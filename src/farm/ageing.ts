import type { Lifecycle } from './lifecycle.js';
import { CAPTURING } from './retirement.js';
import { isUp } from './universes.js';

/** Clones that one look ends at most. */
const MOST = 256;

/**
 * Ends the clones of universes that are older than they may be. As many as can be captured at a time, so that none of
 * interest goes uncaptured; the rest has its turn with the next look, and meanwhile calls for no others.
 * @param age seconds
 */
export function endAged({ clones, retirement }: Lifecycle, age: number, now: number): void {
  let ended = 0;
  for (const universe of clones.universes) {
    // They are in the order in which they began.
    if (now - universe.born < age) return;
    for (const clone of universe.clones.values()) {
      if (ended >= MOST || retirement.size >= CAPTURING) return;
      // A universe may have clones in other farms, which see to those.
      if (clone.farm !== clones || !isUp(clone)) continue;
      clones.end(clone, 'aged', 'its universe is as old as one may be');
      ended++;
    }
  }
}
