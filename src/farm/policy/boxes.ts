/** A product of ranges of whole numbers: the first and the last value of each dimension, one pair after the other. */
export type Box = readonly number[];

/** Ends work that would take too long. */
export class Budget {
  private left: number;

  constructor(steps: number) {
    this.left = steps;
  }

  /** @throws {TooHard} when nothing is left */
  spend(steps: number): void {
    this.left -= steps;
    if (this.left < 0) throw new TooHard('it takes too many steps');
  }
}

export class TooHard extends Error {}

/** What two boxes have in common. */
export function meet(a: Box, b: Box): Box | undefined {
  if (!meets(a, b)) return undefined;
  return a.map((value, i) => (i % 2 === 0 ? Math.max(value, b[i]!) : Math.min(value, b[i]!)));
}

function meets(a: Box, b: Box): boolean {
  for (let i = 0; i < a.length; i += 2) if (a[i]! > b[i + 1]! || b[i]! > a[i + 1]!) return false;
  return true;
}

export const isSame = (a: Box, b: Box): boolean => a.every((value, i) => value === b[i]);

/** A part of a box that none of others covers, or undefined if they cover all of it. */
export function uncovered(box: Box, covers: readonly Box[], budget: Budget): Box | undefined {
  const open: { box: Box; next: number }[] = [{ box, next: 0 }];
  search: for (let piece = open.pop(); piece; piece = open.pop()) {
    for (let next = piece.next; next < covers.length; next++) {
      budget.spend(1);
      const cover = covers[next]!;
      if (!meets(piece.box, cover)) continue;
      for (const rest of outside(piece.box, cover)) open.push({ box: rest, next: next + 1 });
      continue search;
    }
    return piece.box;
  }
  return undefined;
}

/** The parts of a box that are not in another one which meets it. */
function outside(box: Box, cover: Box): Box[] {
  const parts: Box[] = [];
  const rest = [...box];
  for (let i = 0; i < box.length; i += 2) {
    if (rest[i]! < cover[i]!) parts.push(rest.with(i + 1, cover[i]! - 1));
    if (rest[i + 1]! > cover[i + 1]!) parts.push(rest.with(i, cover[i + 1]! + 1));
    rest[i] = Math.max(rest[i]!, cover[i]!);
    rest[i + 1] = Math.min(rest[i + 1]!, cover[i + 1]!);
  }
  return parts;
}

/** Boxes in order of one dimension, so that those which meet another one are found without a look at all. */
export class BoxIndex<T extends { readonly box: Box }> {
  private readonly sorted: readonly T[];
  /** The greatest last value up to a place. */
  private readonly ends: Float64Array;
  private readonly at: number;

  /** @param dimension by which they are sorted */
  constructor(all: readonly T[], dimension: number) {
    this.at = 2 * dimension;
    this.sorted = [...all].sort((a, b) => a.box[this.at]! - b.box[this.at]!);
    this.ends = new Float64Array(all.length);
    for (const [i, { box }] of this.sorted.entries())
      this.ends[i] = Math.max(box[this.at + 1]!, i > 0 ? this.ends[i - 1]! : 0);
  }

  meeting(box: Box, budget: Budget): T[] {
    const { sorted, ends, at } = this;
    let [low, high] = [0, sorted.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (sorted[middle]!.box[at]! <= box[at + 1]!) low = middle + 1;
      else high = middle;
    }
    const found: T[] = [];
    for (let i = low - 1; i >= 0 && ends[i]! >= box[at]!; i--) {
      budget.spend(1);
      if (meets(sorted[i]!.box, box)) found.push(sorted[i]!);
    }
    return found;
  }
}
