import type { Services } from '../../pipeline/element.js';
import type { AgentReport, Baseline } from '../agent-report.js';
import type { CloneRecord } from '../universes.js';
import { Evidence } from './evidence.js';
import { PayloadBook } from './payloads.js';
import type { Rating, Rules } from './rules.js';

export interface MonitorOptions {
  readonly services: Pick<Services, 'event'>;
  readonly rules: Rules;
  /** Fingerprints of payloads that all clones may keep together. */
  readonly fingerprints: number;
  /** Bytes that a clone may change beyond what its image does by itself. */
  readonly allowance: number;
  /** Bytes that a clone has changed. */
  delta(clone: CloneRecord): number;
  /** What an image is like by itself, if that was noted; and what a clone's agent said last. */
  baseline(image: number): Omit<Baseline, 'allowance'> | undefined;
  report(clone: CloneRecord): AgentReport | undefined;
}

/**
 * Tells the malicious from the benign: holds what is known of clones against rules. A clone is assessed once a second and
 * when it is to go, and costs a few comparisons unless there is something new. Scores never fall.
 */
export class Monitor {
  readonly payloads: PayloadBook;
  /** Clones that there are, by rating. */
  readonly rated: Record<Rating, number> = { benign: 0, interesting: 0, malicious: 0 };
  /** Clones that were found malicious so far. */
  malicious = 0;
  private readonly options: MonitorOptions;
  private readonly baselines = new Map<number, Baseline>();

  constructor(options: MonitorOptions) {
    this.options = options;
    this.payloads = new PayloadBook(options.rules, options.fingerprints);
  }

  /** Begins to watch a clone of an image. */
  begin(image: number): Evidence {
    this.rated.benign++;
    return new Evidence(this.payloads, image, this.baselineOf(image));
  }

  /** Rates a clone by what is known now. */
  assess(clone: CloneRecord, delta = this.options.delta(clone)): Evidence {
    clone.evidence ??= this.begin(clone.image);
    const { evidence, opened, called, universe } = clone;
    const { depth } = universe;
    if (evidence.update({ opened, called, depth, delta, report: this.options.report(clone) }))
      this.rate(clone, evidence);
    return evidence;
  }

  /** Why a clone is of interest, undefined if it is not. */
  interest(clone: CloneRecord): string | undefined {
    const evidence = this.assess(clone);
    return evidence.rating === 'benign' ? undefined : evidence.reasons().join(', ');
  }

  /** A clone is gone. */
  end({ evidence }: CloneRecord): void {
    if (!evidence) return;
    this.rated[evidence.rating]--;
    evidence.payloads.close();
  }

  private rate(clone: CloneRecord, evidence: Evidence): void {
    const { rules, services } = this.options;
    const { id, universe, address } = clone;
    const before = evidence.rating;
    evidence.score = rules.score(evidence);
    evidence.rating = rules.rating(evidence.score);
    universe.score = Math.max(universe.score ?? 0, evidence.score);
    if (evidence.rating === before) return;
    this.rated[before]--;
    this.rated[evidence.rating]++;
    if (evidence.rating !== 'malicious') return;
    this.malicious++;
    const { score } = evidence;
    services.event({
      kind: 'malicious',
      clone: id,
      universe: universe.id,
      address,
      score,
      reasons: evidence.reasons(),
    });
  }

  private baselineOf(image: number): Baseline {
    const known = this.baselines.get(image);
    if (known) return known;
    const { baseline, allowance } = this.options;
    const measured = baseline(image) ?? { delta: 0, report: undefined };
    const made = { ...measured, allowance };
    this.baselines.set(image, made);
    return made;
  }
}
