import type { CapturedWire } from './pcapng.js';
import { Recording, RecordingBudget } from './recording.js';

export interface RecordingsOptions {
  /** Bytes that one clone's recording may take, and all together. */
  readonly each: number;
  readonly all: number;
}

/** What is left of a universe's clones that are gone, until it ends itself. */
export interface Remains {
  readonly wires: CapturedWire[];
  /** Captures of them that are being taken. */
  readonly captures: Set<Promise<void>>;
}

/** Part of the budget that recordings of clones that are gone may take, so that the living have the rest. */
const KEPT = 0.5;
/** Recordings of clones that are gone, of one universe. */
const OF_ONE = 1000;

/** What went over the wires of all clones, of those that are gone too as long as their universe is there. */
export class Recordings {
  private readonly budget: RecordingBudget;
  private readonly each: number;
  private readonly left = new Map<number, Remains>();
  private keptBytes = 0;

  constructor({ each, all }: RecordingsOptions) {
    this.budget = new RecordingBudget(all);
    this.each = each;
  }

  /** Bytes that all of them take. */
  get bytes(): number {
    return this.budget.used;
  }

  begin(): Recording {
    return new Recording(this.budget, this.each);
  }

  /** What is left of a universe so far. */
  of(universe: number): Remains {
    const known = this.left.get(universe);
    if (known) return known;
    const remains: Remains = { wires: [], captures: new Set() };
    this.left.set(universe, remains);
    return remains;
  }

  /** Keeps the recording of a clone that is gone, if there is room for it. */
  keep({ wires }: Remains, wire: CapturedWire): void {
    const { size } = wire.recording;
    if (wires.length >= OF_ONE || this.keptBytes + size > this.budget.limit * KEPT) {
      wire.recording.close();
      return;
    }
    this.keptBytes += size;
    wires.push(wire);
  }

  /** A universe has ended: what is left of it belongs to the caller, who releases it. */
  take(universe: number): Remains {
    const remains = this.of(universe);
    this.left.delete(universe);
    return remains;
  }

  release({ wires }: Remains): void {
    for (const { recording } of wires.splice(0)) {
      this.keptBytes -= recording.size;
      recording.close();
    }
  }
}
