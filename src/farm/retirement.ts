import { setMaxListeners } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Services } from '../pipeline/element.js';
import type { Captive, CloneBackend } from './backend.js';
import { captureClone, captureUniverse, treeOf } from './capture.js';
import type { CaptureOutcome, CaptureStore } from './capture-store.js';
import type { Ending } from './clones.js';
import type { Recordings, Remains } from './recordings.js';
import type { CloneRecord, Universe } from './universes.js';
import { within } from './within.js';

export interface RetirementOptions {
  readonly services: Pick<Services, 'clock' | 'event'>;
  readonly backend: CloneBackend;
  /** Undefined if nothing is captured. */
  readonly store: CaptureStore | undefined;
  readonly recordings: Recordings;
  imageOf(clone: CloneRecord): string;
  /** Why a clone is of interest, undefined if it is not. */
  interest(clone: CloneRecord): string | undefined;
  /** A clone has ended, and why: its state is `gone` or `captured`. */
  remember(clone: CloneRecord, ending: Ending, reason: string): void;
  /** A clone is gone. */
  onEnd(clone: CloneRecord, ending: Ending): void;
  onCapture(outcome: CaptureOutcome['kind']): void;
  /** Milliseconds for a clone to hold still, and for a capture. */
  readonly patience?: { readonly hold: number; readonly capture: number };
}

/** Depth from which on a universe is a chain: a clone called for another. */
const CHAIN = 2;

/** Clones that are captured at the same time: each keeps its memory, and its machine, beside all that live. */
export const CAPTURING = 16;

const PATIENCE = { hold: 10_000, capture: 60_000 };

/** Endings of clones into which nobody can look any more: of these there is what went over their wire. */
const OUT_OF_REACH: ReadonlySet<Ending> = new Set(['died', 'hung']);

/** A clone that is to be captured. */
interface Case {
  readonly clone: CloneRecord;
  readonly ending: Ending;
  /** Why it ends, and why it is captured. */
  readonly reason: string;
  readonly why: string;
  readonly remains: Remains;
}

/**
 * What becomes of clones that have been taken out of the world. One of no interest goes at once. Others are made to hold
 * still and captured, a few at a time; then they go, whatever came of that.
 */
export class Retirement {
  private readonly options: RetirementOptions;
  /** Those that are being captured. */
  private readonly held = new Map<CloneRecord, Promise<void>>();
  private readonly universes = new Set<Promise<void>>();
  private readonly end = new AbortController();

  constructor(options: RetirementOptions) {
    this.options = options;
    // Each capture listens, and there are not so many.
    setMaxListeners(0, this.end.signal);
  }

  /** Clones that are being captured. */
  get size(): number {
    return this.held.size;
  }

  [Symbol.iterator](): IterableIterator<CloneRecord> {
    return this.held.keys();
  }

  /** Sees to the end of a clone that is no part of its universe any more. */
  retire(clone: CloneRecord, ending: Ending, reason: string): void {
    const { store, recordings, remember } = this.options;
    clone.state = 'gone';
    if (!store) {
      remember(clone, ending, reason);
      this.bury(clone, ending, reason);
      return;
    }
    const remains = recordings.of(clone.universe.id);
    const why = this.whyCapture(clone, ending, reason);
    const captured = why !== undefined && this.held.size < CAPTURING;
    if (captured) clone.state = 'captured';
    remember(clone, ending, reason);
    if (captured) this.begin({ clone, ending, reason, why, remains });
    else {
      if (why !== undefined) this.tell(clone, why, { kind: 'busy', reason: `${CAPTURING} clones are being captured` });
      this.bury(clone, ending, reason, remains);
    }
  }

  /** Sees to what is left of a universe that has no clones any more. */
  close(universe: Universe): void {
    const { recordings, store } = this.options;
    if (!store) return;
    const remains = recordings.take(universe.id);
    if (universe.depth < CHAIN && remains.captures.size === 0) recordings.release(remains);
    else {
      const done = this.finish(store, universe, remains).finally(() => this.universes.delete(done));
      this.universes.add(done);
    }
  }

  /** Waits until one more clone can be captured, for so many milliseconds at most. */
  async room(ms: number): Promise<void> {
    if (this.held.size < CAPTURING) return;
    const enough = new AbortController();
    const late = sleep(Math.max(0, ms), undefined, { signal: enough.signal }).catch(() => {});
    await Promise.race([late, ...this.held.values()]);
    enough.abort();
  }

  /** Waits for what is being captured, for so many milliseconds at most. What is not done then has failed. */
  async stop(ms: number): Promise<void> {
    const late = setTimeout(() => this.end.abort(new Error('the gateway stopped')), Math.max(0, ms));
    await Promise.all(this.held.values());
    await Promise.all(this.universes);
    clearTimeout(late);
  }

  private whyCapture(clone: CloneRecord, ending: Ending, reason: string): string | undefined {
    // One that never was has nothing to show.
    if (ending === 'failed') return undefined;
    return this.options.interest(clone) ?? (ending === 'cap' ? reason : undefined);
  }

  private begin(subject: Case): void {
    const { clone, remains } = subject;
    const done = this.capture(subject).then((outcome) => {
      this.held.delete(clone);
      remains.captures.delete(done);
      this.tell(clone, subject.why, outcome);
      clone.state = 'gone';
      this.bury(clone, subject.ending, subject.reason, remains);
    });
    this.held.set(clone, done);
    remains.captures.add(done);
  }

  private async capture({ clone, ending, reason, why }: Case): Promise<CaptureOutcome> {
    const { store, services, imageOf, patience = PATIENCE } = this.options;
    const { recording, universe } = clone;
    try {
      const { captive, failure } = OUT_OF_REACH.has(ending) ? {} : await this.hold(clone, patience.hold);
      this.end.signal.throwIfAborted();
      const taken = captureClone(store!, {
        ...{ clone, image: imageOf(clone), now: services.clock.now, reason: why },
        ending: failure === undefined ? reason : `${reason}; it did not hold still: ${failure}`,
        tree: treeOf(universe, imageOf),
        ...(recording && { recording }),
        ...captive,
      });
      const released = taken.finally(() => captive?.release());
      return await within(released, patience.capture, 'the capture', this.end.signal);
    } catch (error) {
      return { kind: 'failed', reason: (error as Error).message };
    }
  }

  /** Makes a clone hold still, or says why it does not. */
  private async hold(clone: CloneRecord, ms: number): Promise<{ captive?: Captive; failure?: string }> {
    const held = this.options.backend.hold?.(clone.id);
    if (!held) return {};
    try {
      return { captive: await within(held, ms, 'that', this.end.signal) };
    } catch (error) {
      held.then(
        (captive) => captive.release(),
        () => {},
      );
      return { failure: (error as Error).message };
    }
  }

  /** Captures a universe if it is a chain, once its clones are, and lets go of what was kept of it. */
  private async finish(store: CaptureStore, universe: Universe, remains: Remains): Promise<void> {
    const { services, recordings, imageOf, onCapture, patience = PATIENCE } = this.options;
    await Promise.all(remains.captures);
    if (universe.depth >= CHAIN) {
      const reason = `reached depth ${universe.depth}`;
      const { wires } = remains;
      const tree = treeOf(universe, imageOf);
      const ending = 'its last clone is gone';
      const taken = captureUniverse(store, { universe, now: services.clock.now, reason, ending, tree, wires });
      const outcome = await within(taken, patience.capture, 'the capture', this.end.signal).catch(
        (error: Error): CaptureOutcome => ({ kind: 'failed', reason: error.message }),
      );
      onCapture(outcome.kind);
      const what = { clone: 0, universe: universe.id, address: universe.target, why: reason };
      services.event({ kind: 'captured', ...what, ...said(outcome) });
    }
    recordings.release(remains);
  }

  private bury(clone: CloneRecord, ending: Ending, reason: string, remains?: Remains): void {
    const { backend, recordings, services, imageOf, onEnd } = this.options;
    const { id, universe, address, mac, recording } = clone;
    backend.destroy(id);
    if (recording && remains) {
      recordings.keep(remains, { address, mac, clone: id, universe: universe.id, image: imageOf(clone), recording });
    }
    onEnd(clone, ending);
    services.event({ kind: 'gone', clone: id, universe: universe.id, address, ending, reason });
  }

  private tell({ id, universe, address }: CloneRecord, why: string, outcome: CaptureOutcome): void {
    const { services, onCapture } = this.options;
    onCapture(outcome.kind);
    services.event({ kind: 'captured', clone: id, universe: universe.id, address, why, ...said(outcome) });
  }
}

/** An outcome as an event tells it. */
const said = (outcome: CaptureOutcome) =>
  outcome.kind === 'captured'
    ? { outcome: outcome.kind, path: outcome.path }
    : { outcome: outcome.kind, reason: outcome.reason };
