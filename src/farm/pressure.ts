import type { Services } from '../pipeline/element.js';
import type { Clones } from './clones.js';
import { megabytes } from './megabytes.js';
import { leastInteresting } from './recycling.js';
import { type CloneRecord, isUp } from './universes.js';

export interface PressureOptions {
  readonly clock: Services['clock'];
  readonly clones: Clones;
  /** Seconds for which a clone must have been quiet to be given up for another. */
  readonly quiet: number;
  /** Bytes that all clones may change together. */
  readonly memory: number;
  delta(clone: CloneRecord): number;
  /** How interesting a clone is. */
  score(clone: CloneRecord): number;
}

/** Clones that one look finds to give up, and the seconds between two looks. */
const CANDIDATES = 256;
const LOOK = 0.05;

/** Part of the memory from which on clones are given up: what is known of it is up to a second old. */
const HIGH = 0.9;

/** Gives up clones where there is no room for all: the least interesting first. */
export class Pressure {
  private readonly options: PressureOptions;
  /** Clones to give up, the first of them last; and when to look for others, since all must be looked at for that. */
  private candidates: CloneRecord[] = [];
  private lookAgain = 0;

  constructor(options: PressureOptions) {
    this.options = options;
  }

  /** Gives up a quiet clone. False if there is none. */
  makeRoom(): boolean {
    const { clock, clones, quiet } = this.options;
    const { now } = clock;
    if (this.candidates.length === 0 && now >= this.lookAgain) {
      this.candidates = this.find(quiet);
      this.lookAgain = now + LOOK;
    }
    for (let victim = this.candidates.pop(); victim; victim = this.candidates.pop()) {
      if (!isUp(victim) || now - victim.active < quiet) continue;
      clones.end(victim, 'pressure', 'room was needed');
      return true;
    }
    return false;
  }

  /** Gives up clones, busy ones too if it must be, until all use less memory again than they may. */
  relieve(bytes: number): void {
    const { clones, memory, delta } = this.options;
    if (bytes <= memory * HIGH) return;
    const victims = this.find(0);
    for (let used = bytes; used > memory * HIGH; ) {
      const victim = victims.pop();
      if (!victim) return;
      used -= delta(victim);
      clones.end(victim, 'pressure', `memory was needed: all clones together changed ${megabytes(bytes)}`);
    }
  }

  private find(quiet: number): CloneRecord[] {
    const { clock, clones, score } = this.options;
    return leastInteresting(clones, score, clock.now, quiet, CANDIDATES);
  }
}
