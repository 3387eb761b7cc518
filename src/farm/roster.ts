import type { Services } from '../pipeline/element.js';
import { Ids } from './ids.js';
import type { CloneRecord } from './universes.js';

/**
 * All clones of one engine by their numbers, whatever farm they live in. A universe may span several farms, and packets name
 * clones by number alone, so no two of them may have the same one.
 */
export class Roster {
  private readonly ids: Ids;
  private readonly clones = new Map<number, CloneRecord>();

  constructor({ clock }: Services) {
    this.ids = new Ids(clock);
  }

  get(id: number): CloneRecord | undefined {
    return this.clones.get(id);
  }

  /** A number for a new clone. 0 if there is none. */
  next(): number {
    return this.ids.next(this.clones);
  }

  add(clone: CloneRecord): void {
    this.clones.set(clone.id, clone);
  }

  remove({ id }: CloneRecord): void {
    this.clones.delete(id);
    this.ids.release(id);
  }
}
