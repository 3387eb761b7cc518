import { type CloneRecord, isUp } from './universes.js';

export interface RecyclingPolicy {
  /** Seconds after which a clone that did nothing of interest is recycled. */
  readonly idle: number;
  /** Seconds for which one of interest is kept. */
  readonly keep: number;
  /** Seconds after which a clone is recycled in any case, so that none can keep its place by being busy. */
  readonly life: number;
}

/**
 * Why a clone may go now, undefined if it stays.
 * @param interest says why it is of interest, undefined if it is not
 */
export function mayGo(
  clone: CloneRecord,
  interest: (clone: CloneRecord) => string | undefined,
  now: number,
  policy: RecyclingPolicy,
): string | undefined {
  const quiet = now - clone.active;
  if (!isUp(clone)) return undefined;
  if (now - clone.born >= policy.life) return 'it has lived long enough';
  if (quiet < policy.idle) return undefined;
  const reason = interest(clone);
  if (reason === undefined) return 'idle and of no interest';
  return quiet < policy.keep ? undefined : `kept long enough; it ${reason}`;
}

/**
 * The clones to give up when there is no room, the first to go last: those of the lowest score, and among equals the one that
 * has been quiet longest. Only clones that have been quiet for `quiet` seconds are given up.
 */
export function leastInteresting(
  clones: Iterable<CloneRecord>,
  score: (clone: CloneRecord) => number,
  now: number,
  quiet: number,
  most: number,
): CloneRecord[] {
  const ranked: { clone: CloneRecord; score: number }[] = [];
  for (const clone of clones) {
    if (isUp(clone) && now - clone.active >= quiet) ranked.push({ clone, score: score(clone) });
  }
  ranked.sort((a, b) => b.score - a.score || b.clone.active - a.clone.active);
  return ranked.slice(-most).map(({ clone }) => clone);
}
