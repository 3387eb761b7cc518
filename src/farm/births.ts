import type { Packets } from '../packet/packets.js';
import type { Drop } from '../pipeline/element.js';
import { causeOf } from './cause.js';
import type { Clones } from './clones.js';
import type { PolicyNumbers } from './policy/judge.js';
import type { CloneRecord, Universe } from './universes.js';

/** What one universe may grow to. */
export interface UniverseLimits {
  /** Clones that it may have at once, and that one of them may call into being. */
  readonly universeClones: number;
  readonly universeFanout: number;
  /** Clones from the outside to the last of a chain, the first counted. */
  readonly universeDepth: number;
  /** Seconds after which it takes no new clones. */
  readonly universeAge: number;
}

/** Where packets end for which no clone is made. */
export type BirthDrops = Readonly<
  Record<'universe' | 'unbound' | 'aged' | 'crowded' | 'deep' | 'fanout' | 'binding' | 'full', Drop>
>;

/** Limits of a universe that kept it from growing. */
export const REFUSALS = ['aged', 'crowded', 'deep', 'fanout'] as const;

export type Refusal = (typeof REFUSALS)[number];

export interface BirthOptions {
  readonly packets: Packets;
  readonly clones: Clones;
  /** Explains by which rule of policy a packet came here. */
  readonly numbers: PolicyNumbers;
  readonly limits: UniverseLimits;
  readonly drops: BirthDrops;
  readonly clock: { readonly now: number };
  /** Whether as many clones are in the making as may be. */
  isBusy(): boolean;
}

/** Decides whether a packet for an address that nobody plays gets a clone. */
export class Births {
  private readonly options: BirthOptions;

  constructor(options: BirthOptions) {
    this.options = options;
  }

  /** Asks for a clone that plays the destination of a row, or drops the row. */
  bind(row: number): CloneRecord | undefined {
    const { packets, clones, drops, numbers, isBusy } = this.options;
    const { universes } = clones;
    const id = packets.universe[row]!;
    const existing = universes.get(id);
    const parent = clones.anywhere(packets.clone[row]!);
    const image = packets.image[row]!;
    // What belongs to a flow that is known brings no image.
    if (image === 0) return this.drop(existing ? drops.unbound : drops.universe, row);
    const refusal = existing && this.refusal(existing, parent);
    if (refusal) {
      existing!.tree.refused[refusal]++;
      return this.drop(drops[refusal], row);
    }
    if (isBusy()) return this.drop(drops.binding, row);
    // Before a universe comes into being for nothing.
    if (!existing && !clones.hasRoom()) return this.drop(drops.full, row);
    const universe = universes.enter(id);
    if (!universe) return this.drop(drops.universe, row);
    const step = numbers.stepOf(packets.decision[row]!);
    const licence = step && { rule: step.rule.place, verdict: step.action.verdict };
    const cause = causeOf(packets, row, licence);
    return clones.create(universe, packets.dst[row]!, image - 1, parent, cause) ?? this.drop(drops.full, row);
  }

  private refusal(universe: Universe, parent: CloneRecord | undefined): Refusal | undefined {
    const { limits, clock } = this.options;
    if (clock.now - universe.born >= limits.universeAge) return 'aged';
    if (universe.clones.size >= limits.universeClones) return 'crowded';
    if (!parent) return undefined;
    if (parent.depth >= limits.universeDepth) return 'deep';
    return parent.called >= limits.universeFanout ? 'fanout' : undefined;
  }

  private drop(drop: Drop, row: number): undefined {
    drop.add(row);
  }
}
