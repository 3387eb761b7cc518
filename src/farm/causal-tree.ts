import type { Refusal } from './births.js';
import type { TreeNode } from './capture-record.js';

/** Clones that are gone and not forgotten: of one universe, and of all. */
const OF_ONE = 1000;
const IN_ALL = 100_000;
/** Universes that have ended and can be asked for. */
const ENDED = 256;
/** Sources that are remembered of those who joined one universe. */
const STRANGERS = 64;

/** Somebody outside who joined a universe that another had begun. */
export interface Influence {
  readonly source: number;
  /** The address that it contacted first, and when. */
  readonly target: number;
  readonly since: number;
  /** Flows that it opened. */
  flows: number;
}

/** What became of a universe, beside the clones that it has: those that are gone, who joined, and what was refused. */
export class CausalTree {
  readonly past: TreeNode[] = [];
  /** Clones that are gone for which there was no room here. */
  forgotten = 0;
  readonly influences = new Map<number, Influence>();
  /** Flows of others who joined when there was no room for more. */
  strangers = 0;
  /** Packets that would have called for a clone beyond a limit. */
  readonly refused: Record<Refusal, number> = { aged: 0, crowded: 0, deep: 0, fanout: 0 };

  /** Somebody joins. @returns whether it is somebody new */
  join(source: number, target: number, now: number): boolean {
    const known = this.influences.get(source);
    if (known) known.flows++;
    else if (this.influences.size >= STRANGERS) this.strangers++;
    else {
      this.influences.set(source, { source, target, since: now, flows: 1 });
      return true;
    }
    return false;
  }
}

interface Ended {
  readonly id: number;
  readonly tree: CausalTree;
}

/** How much is kept of what is gone: bounded, and the universes that ended first are forgotten first. */
export class Memory<T extends Ended> {
  private nodes = 0;
  private readonly universes = new Map<number, T>();

  /** Remembers a clone that is gone, if there is room. */
  keep({ tree }: Pick<T, 'tree'>, node: TreeNode): void {
    while (this.nodes >= IN_ALL && this.universes.size > 0) this.forgetOne();
    if (tree.past.length >= OF_ONE || this.nodes >= IN_ALL) tree.forgotten++;
    else {
      this.nodes++;
      tree.past.push(node);
    }
  }

  /** A universe has ended. */
  add(universe: T): void {
    this.forget(universe.id);
    this.universes.set(universe.id, universe);
    if (this.universes.size > ENDED) this.forgetOne();
  }

  get(id: number): T | undefined {
    return this.universes.get(id);
  }

  /** The one that ended first comes first. */
  [Symbol.iterator](): IterableIterator<T> {
    return this.universes.values();
  }

  private forgetOne(): void {
    for (const id of this.universes.keys()) {
      this.forget(id);
      return;
    }
  }

  private forget(id: number): void {
    this.nodes -= this.universes.get(id)?.tree.past.length ?? 0;
    this.universes.delete(id);
  }
}
