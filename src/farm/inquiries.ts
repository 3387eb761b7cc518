import type { AgentReport } from './agent-report.js';
import type { CloneBackend } from './backend.js';
import type { CloneRecord } from './universes.js';

/** Guests that are asked at the same time: to answer costs them processor time. */
const AT_ONCE = 4;
/** Clones that wait to be asked. */
const WAITING = 1024;

interface Inquiry {
  /** When the last one that has come to an end was put, by the engine's clock; Infinity if there is no agent. */
  asked: number;
  /** Undefined until there is an answer. */
  report: AgentReport | undefined;
  /** Whether one is under way. */
  open: boolean;
}

/** What the agents in clones say of them, asked a few at a time. Nobody waits for an answer. */
export class Inquiries {
  private readonly backend: CloneBackend;
  private readonly clock: { readonly now: number };
  private readonly known = new Map<CloneRecord, Inquiry>();
  private readonly waiting = new Set<CloneRecord>();
  private asking = 0;

  constructor(backend: CloneBackend, clock: { readonly now: number }) {
    this.backend = backend;
    this.clock = clock;
  }

  /** What a clone's agent said last. */
  get(clone: CloneRecord): AgentReport | undefined {
    return this.known.get(clone)?.report;
  }

  /** Asks a clone's agent when its turn comes, if so many wait as may. */
  ask(clone: CloneRecord): void {
    if (!this.backend.report || this.waiting.size >= WAITING || this.known.get(clone)?.open) return;
    this.waiting.add(clone);
    this.work();
  }

  /** Whether a clone's agent has been asked since anything came or went, or there is none. If not, it is asked. */
  isUpToDate(clone: CloneRecord): boolean {
    if (!this.backend.report) return true;
    const isAsked = () => (this.known.get(clone)?.asked ?? Number.NEGATIVE_INFINITY) >= clone.active;
    if (!isAsked()) this.ask(clone);
    return isAsked();
  }

  forget(clone: CloneRecord): void {
    this.waiting.delete(clone);
    this.known.delete(clone);
  }

  private work(): void {
    for (const clone of this.waiting) {
      if (this.asking >= AT_ONCE) return;
      this.waiting.delete(clone);
      void this.put(clone);
    }
  }

  /** It has been asked when there is an answer, or there will be none. */
  private async put(clone: CloneRecord): Promise<void> {
    const { now } = this.clock;
    const inquiry = this.known.get(clone) ?? { asked: Number.NEGATIVE_INFINITY, report: undefined, open: false };
    this.known.set(clone, inquiry);
    const answer = this.backend.report!(clone.id);
    if (!answer) {
      inquiry.asked = Number.POSITIVE_INFINITY;
      return;
    }
    this.asking++;
    inquiry.open = true;
    try {
      inquiry.report = await answer;
    } catch {
      // A guest that was taken over need not answer. What it said before stands.
    }
    inquiry.asked = now;
    inquiry.open = false;
    this.asking--;
    this.work();
  }
}
