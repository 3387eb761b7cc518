import type { Services } from '../pipeline/element.js';
import type { CloneBackend } from './backend.js';
import { type CaptureOutcome, type CaptureQuota, CaptureStore } from './capture-store.js';
import { Clones, type Ending } from './clones.js';
import { Inquiries } from './inquiries.js';
import { megabytes } from './megabytes.js';
import { Monitor } from './monitor/monitor.js';
import type { Rules } from './monitor/rules.js';
import { Pressure } from './pressure.js';
import { Recordings, type RecordingsOptions } from './recordings.js';
import { mayGo, type RecyclingPolicy } from './recycling.js';
import { Retirement, type RetirementOptions } from './retirement.js';
import { capturesFolder } from './state.js';
import { type CloneRecord, isUp } from './universes.js';
import { within } from './within.js';

export interface LifecycleOptions {
  readonly services: Services;
  readonly backend: CloneBackend;
  readonly policy: RecyclingPolicy;
  /** What tells clones of interest from others; the fingerprints that it may keep; and bytes that any clone may change. */
  readonly rules: Rules;
  readonly fingerprints: number;
  readonly interestingDelta: number;
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
  /** What happened to clones. */
  readonly monitor: Monitor;
  private readonly options: LifecycleOptions;
  private readonly store: CaptureStore | undefined;
  private readonly inquiries: Inquiries;
  private readonly pressure: Pressure;

  constructor(options: LifecycleOptions) {
    const { services, backend, captures, clones, quiet, memory, onCapture, patience } = options;
    this.options = options;
    this.inquiries = new Inquiries(backend, services.clock);
    const delta = ({ id }: CloneRecord) => backend.delta(id);
    this.monitor = new Monitor({
      ...{ services, delta, rules: options.rules, fingerprints: options.fingerprints },
      allowance: options.interestingDelta,
      baseline: (image) => backend.baseline?.(image),
      report: (clone) => this.inquiries.get(clone),
    });
    this.store = captures && new CaptureStore(capturesFolder(services.state), captures.quota);
    this.recordings = new Recordings(captures?.recordings ?? { each: 0, all: 0 });
    this.retirement = new Retirement({
      ...{ services, backend, store: this.store, recordings: this.recordings, onCapture },
      ...(patience && { patience }),
      imageOf: (clone) => this.clones.imageOf(clone),
      interest: (clone) => this.monitor.interest(clone),
      remember: (clone, ending, reason) => this.clones.remember(clone, ending, reason),
      onEnd: (clone, ending) => {
        this.inquiries.forget(clone);
        this.monitor.end(clone);
        options.onEnd(clone, ending);
      },
    });
    this.clones = new Clones(services, backend, {
      limit: clones,
      makeRoom: () => this.pressure.makeRoom(),
      record: () => captures && this.recordings.begin(),
      watch: (image) => this.monitor.begin(image),
      retire: (clone, ending, reason) => this.retirement.retire(clone, ending, reason),
      close: (universe) => this.retirement.close(universe),
    });
    const score = (clone: CloneRecord) => this.monitor.assess(clone).score;
    this.pressure = new Pressure({ clock: services.clock, clones: this.clones, quiet, memory, delta, score });
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
      if (!isUp(clone) || this.monitor.interest(clone) === undefined) continue;
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
      this.monitor.assess(clone, delta);
      if (delta > cap) this.clones.end(clone, 'cap', `it changed ${megabytes(delta)} of memory, beyond CAP`);
      else if (!this.recycle(clone, now)) used += delta;
    }
    this.pressure.relieve(used);
  }

  /** Recycles a clone if its time has come. */
  private recycle(clone: CloneRecord, now: number): boolean {
    const { policy } = this.options;
    const { idle, life } = policy;
    const quiet = now - clone.active;
    const old = now - clone.born >= life;
    if (quiet < idle && !old) return false;
    if (!old && quiet < idle + ANSWER && !this.inquiries.isUpToDate(clone)) return false;
    const reason = mayGo(clone, (each) => this.monitor.interest(each), now, policy);
    if (reason !== undefined) this.clones.end(clone, 'recycled', reason);
    return reason !== undefined;
  }

  private warn(message: string): void {
    this.options.services.event({ kind: 'warning', element: 'captures', message });
  }
}
