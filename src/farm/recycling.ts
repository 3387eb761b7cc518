import { type AgentReport, type Baseline, changes } from './interest.js';
import { type CloneRecord, isUp } from './universes.js';

export interface RecyclingPolicy {
  /** Seconds after which a clone that did nothing of interest is recycled. */
  readonly idle: number;
  /** Seconds for which one of interest is kept. */
  readonly keep: number;
  /** Seconds after which a clone is recycled in any case, so that none can keep its place by being busy. */
  readonly life: number;
  /** Bytes of delta above which a clone is of interest, if its image has no baseline. */
  readonly interestingDelta: number;
  /** What the image of a clone is like by itself. */
  readonly baseline?: (clone: CloneRecord) => Baseline | undefined;
  /** What the clone's agent said last. */
  readonly report?: (clone: CloneRecord) => AgentReport | undefined;
}

/** Why a clone is of interest, undefined if it is not. */
export function interest(clone: CloneRecord, delta: number, policy: RecyclingPolicy): string | undefined {
  const { interestingDelta, baseline, report } = policy;
  const found = changes(
    { opened: clone.opened, depth: clone.universe.depth, delta, report: report?.(clone) },
    baseline?.(clone) ?? { delta: 0, allowance: interestingDelta, report: undefined },
  );
  return found.length === 0 ? undefined : found.join(', ');
}

/** Why a clone may go now, undefined if it stays. */
export function mayGo(clone: CloneRecord, delta: number, now: number, policy: RecyclingPolicy): string | undefined {
  const quiet = now - clone.active;
  if (!isUp(clone)) return undefined;
  if (now - clone.born >= policy.life) return 'it has lived long enough';
  if (quiet < policy.idle) return undefined;
  const reason = interest(clone, delta, policy);
  if (reason === undefined) return 'idle and of no interest';
  return quiet < policy.keep ? undefined : `kept long enough; it ${reason}`;
}

/**
 * The clones to give up when there is no room, the first to go last: those of no interest before those of interest, and
 * among each the one that has been quiet longest. Only clones that have been quiet for `quiet` seconds are given up.
 */
export function leastInteresting(
  clones: Iterable<CloneRecord>,
  delta: (clone: CloneRecord) => number,
  now: number,
  quiet: number,
  policy: RecyclingPolicy,
  most: number,
): CloneRecord[] {
  const ranked: { clone: CloneRecord; rank: number }[] = [];
  for (const clone of clones) {
    if (!isUp(clone) || now - clone.active < quiet) continue;
    const rank = clone.active + (interest(clone, delta(clone), policy) === undefined ? 0 : 1e12);
    ranked.push({ clone, rank });
  }
  ranked.sort((a, b) => b.rank - a.rank);
  return ranked.slice(-most).map(({ clone }) => clone);
}
