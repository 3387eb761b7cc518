import type { Services } from '../pipeline/element.js';
import type { CloneBackend } from './backend.js';
import { type CaptureOutcome, type CaptureQuota, CaptureStore } from './capture-store.js';
import { Clones, type Ending } from './clones.js';
import { Inquiries } from './inquiries.js';
import { type Baseline, megabytes } from './interest.js';
import { Pressure } from './pressure.js';
import { Recordings, type RecordingsOptions } from './recordings.js';
import { interest, mayGo, type RecyclingPolicy } from './recycling.js';
import { Retirement, type RetirementOptions } from './retirement.js';
import { capturesFolder } from './state.js';
import { type CloneRecord, isUp } from './universes.js';
import { within } from './within.js';

export interface LifecycleOptions {
  readonly services: Services;
  readonly backend: CloneBackend;
  readonly policy: Pick<RecyclingPolicy, 'idle' | 'keep' | 'life' | 'interestingDelta'>;
  /** Seconds without a packet after which a clone is quiet, and may be given up for another. */
  readonly quiet: number;
  /** Clones that may exist at once, bytes that each may change, and all together. */
  readonly clones: number;
  readonly cap: number;
  readonly memory: number;
  /** Undefined if nothing is captured. */
  readonly captures: { readonly quota: CaptureQuota; readonly recordings: RecordingsOptions } | undefined;
  onEnd(clone: CloneRecord, ending: Ending): void;
  onCapture(outcome: CaptureOutcome['kind']): void;
  readonly patience?: RetirementOptions['patience'];
}

/** Seconds for which a clone may stay beyond its time until its agent has been asked. */
const ANSWER = 10;

/** Milliseconds for captures when the gateway stops, and then for the folder to be closed. */
const GRACE = 5000;
const CLOSE = 1000;

/**
 * The life of clones: `binding`, `live`, `quiet`, `captured`, `gone`. Clones of no interest are recycled soon, the others
 * later, and each for a reason. When too many exist, or they have changed too much memory together, the least interesting
 * go first.
 */
export class Lifecycle {
  readonly clones: Clones;
  readonly recordings: Recordings;
  /** What is being captured. */
  readonly retirement: Retirement;
  private readonly options: LifecycleOptions;
  private readonly store: CaptureStore | undefined;
  private readonly inquiries: Inquiries;
  private readonly policy: RecyclingPolicy;
  private readonly pressure: Pressure;
  private readonly baselines = new Map<number, Baseline | undefined>();

  constructor(options: LifecycleOptions) {
    const { services, backend, captures, clones, quiet, memory, onCapture, patience } = options;
    this.options = options;
    this.inquiries = new Inquiries(backend, services.clock);
    this.policy = {
      ...options.policy,
      baseline: (clone) => this.baselineOf(clone.image),
      report: (clone) => this.inquiries.get(clone),
    };
    this.store = captures && new CaptureStore(capturesFolder(services.state), captures.quota);
    this.recordings = new Recordings(captures?.recordings ?? { each: 0, all: 0 });
    this.retirement = new Retirement({
      ...{ services, backend, store: this.store, recordings: this.recordings, onCapture },
      ...(patience && { patience }),
      imageOf: (clone) => this.clones.imageOf(clone),
      interest: (clone) => this.interest(clone),
      remember: (clone, ending, reason) => this.clones.remember(clone, ending, reason),
      onEnd: (clone, ending) => {
        this.inquiries.forget(clone);
        options.onEnd(clone, ending);
      },
    });
    this.clones = new Clones(services, backend, {
      limit: clones,
      makeRoom: () => this.pressure.makeRoom(),
      record: () => captures && this.recordings.begin(),
      retire: (clone, ending, reason) => this.retirement.retire(clone, ending, reason),
      close: (universe) => this.retirement.close(universe),
    });
    const delta = ({ id }: CloneRecord) => backend.delta(id);
    const { clock } = services;
    this.pressure = new Pressure({ clock, clones: this.clones, policy: this.policy, quiet, memory, delta });
  }

  async start(): Promise<void> {
    try {
      await this.store?.open();
    } catch (error) {
      this.warn(`nothing can be captured: ${(error as Error).message}`);
    }
  }

  /** Captures what is of interest, as far as there is time for it. The other clones go with their backend. */
  async stop(): Promise<void> {
    const until = performance.now() + GRACE;
    const left = () => until - performance.now();
    for (const clone of this.store ? [...this.clones] : []) {
      if (!isUp(clone) || this.interest(clone) === undefined) continue;
      await this.retirement.room(left());
      this.clones.end(clone, 'stopped', 'the gateway stops');
    }
    await this.retirement.stop(left());
    for (const clone of this.clones) this.options.onEnd(clone, 'stopped');
    try {
      if (this.store) await within(this.store.close(), CLOSE, 'to close the folder');
    } catch (error) {
      this.warn((error as Error).message);
    }
  }

  /** Sees to every clone. To be called once a second. */
  round(): void {
    const { services, backend, quiet, cap } = this.options;
    const { now } = services.clock;
    let used = 0;
    for (const clone of this.clones) {
      if (!isUp(clone)) continue;
      if (clone.state === 'live' && now - clone.active >= quiet) {
        clone.state = 'quiet';
        this.inquiries.ask(clone);
      }
      const delta = backend.delta(clone.id);
      if (delta > cap) this.clones.end(clone, 'cap', `it changed ${megabytes(delta)} of memory, beyond CAP`);
      else if (!this.recycle(clone, delta, now)) used += delta;
    }
    this.pressure.relieve(used);
  }

  /** Recycles a clone if its time has come. */
  private recycle(clone: CloneRecord, delta: number, now: number): boolean {
    const { idle, life } = this.policy;
    const quiet = now - clone.active;
    const old = now - clone.born >= life;
    if (quiet < idle && !old) return false;
    if (!old && quiet < idle + ANSWER && !this.inquiries.isUpToDate(clone)) return false;
    const reason = mayGo(clone, delta, now, this.policy);
    if (reason !== undefined) this.clones.end(clone, 'recycled', reason);
    return reason !== undefined;
  }

  private interest(clone: CloneRecord): string | undefined {
    return interest(clone, this.options.backend.delta(clone.id), this.policy);
  }

  private baselineOf(image: number): Baseline | undefined {
    if (!this.baselines.has(image)) {
      const measured = this.options.backend.baseline?.(image);
      this.baselines.set(image, measured && { ...measured, allowance: this.policy.interestingDelta });
    }
    return this.baselines.get(image);
  }

  private warn(message: string): void {
    this.options.services.event({ kind: 'warning', element: 'captures', message });
  }
}
