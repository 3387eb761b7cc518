/** Seconds over which packets are counted. */
const WINDOW = 1;

/** Counts what leaves: more than so many packets in a second are an anomaly, whatever licensed them. */
export class ExportRate {
  readonly most: number;
  private since = Number.NEGATIVE_INFINITY;
  private count = 0;

  constructor(most: number) {
    this.most = most;
  }

  /** Counts a packet. Returns whether it is one too many. */
  exceeds(now: number): boolean {
    if (now - this.since >= WINDOW) {
      this.since = now;
      this.count = 0;
    }
    return ++this.count > this.most;
  }
}
