/** Seconds over which a rate is averaged. */
const TAU = 1;

/** An exponentially weighted moving average of how much arrives in a second. */
export class RateAverage {
  private value = 0;
  private at = Number.NaN;

  /** Units per second, by what arrived before `now`. */
  rate(now: number): number {
    if (now > this.at) {
      this.value *= Math.exp((this.at - now) / TAU);
      this.at = now;
    } else if (Number.isNaN(this.at)) this.at = now;
    return this.value;
  }

  /** Call after {@link rate} with the same time. */
  add(amount: number): void {
    this.value += amount / TAU;
  }
}
