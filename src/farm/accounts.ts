import type { CloneAccount, CloneBackend } from './backend.js';

/**
 * What clones cost, as far as it is known: the kernel walks the whole of a process to tell, so a few clones are asked at a
 * time, in turn, and the last answer is kept.
 */
export class Accounts {
  private readonly backend: CloneBackend;
  private readonly most: number;
  private known = new Map<number, CloneAccount>();
  /** Those of the round that is under way, which will be all that is known. */
  private next = new Map<number, CloneAccount>();
  private turn: Iterator<{ readonly id: number }> | undefined;

  /** @param most clones asked in one go */
  constructor(backend: CloneBackend, most = 4) {
    this.backend = backend;
    this.most = most;
  }

  /** Undefined if its turn has not come yet, or the backend cannot tell. */
  get(id: number): CloneAccount | undefined {
    return this.next.get(id) ?? this.known.get(id);
  }

  /** Asks for the next few of the clones, which may come and go between two calls. */
  refresh(clones: Iterable<{ readonly id: number }>): void {
    if (!this.backend.account) return;
    this.turn ??= clones[Symbol.iterator]();
    for (let i = 0; i < this.most; i++) {
      const { done, value } = this.turn.next();
      if (done) {
        this.known = this.next;
        this.next = new Map();
        this.turn = undefined;
        return;
      }
      const account = this.backend.account(value.id);
      if (account) this.next.set(value.id, account);
    }
  }
}
