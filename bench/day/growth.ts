import { median } from '../suite.js';
import type { Look } from './play.js';

/** The part of each half that is left out: tables fill, and the first clones come. */
const SETTLING = 1 / 4;

/** The median of a quantity in each half of the day, when it has settled. */
export function halves(looks: readonly Look[], of: (look: Look) => number): [first: number, second: number] {
  const half = Math.floor(looks.length / 2);
  const skip = Math.ceil(half * SETTLING);
  const middle = (part: readonly Look[]) => median(part.slice(skip).map(of));
  return [middle(looks.slice(0, half)), middle(looks.slice(-half))];
}

/** By how much of it the first half is surpassed. The traffic of both is alike, so what is left is what nobody gives back. */
export function growth(looks: readonly Look[], of: (look: Look) => number): number {
  const [first, second] = halves(looks, of);
  return second / first - 1;
}
