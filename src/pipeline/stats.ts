import type { MetricSpec } from './spec.js';

/** What one number, or one histogram, of the shared block is. */
export interface StatDescription {
  readonly name: string;
  readonly kind: 'counter' | 'gauge' | 'histogram';
  readonly doc: string;
  readonly labels: Readonly<Record<string, string>>;
  /** Index of the first slot. A histogram has one slot a bucket, one for +Inf, and one for the sum. */
  readonly at: number;
  readonly buckets?: readonly number[];
}

/** A number that only grows. */
export class Counter {
  private slots: Float64Array = new Float64Array(1);
  private at = 0;

  add(amount: number): void {
    this.slots[this.at] = this.slots[this.at]! + amount;
  }

  get value(): number {
    return this.slots[this.at]!;
  }

  /** Moves the number into its place in a block. */
  place(slots: Float64Array, at: number): void {
    slots[at] = this.value;
    this.slots = slots;
    this.at = at;
  }

  reset(): void {
    this.slots[this.at] = 0;
  }
}

/** A number that goes up and down. */
export class Gauge extends Counter {
  set(value: number): void {
    this.reset();
    this.add(value);
  }
}

/** Observations sorted into buckets, as Prometheus counts them. */
export class Histogram {
  private readonly counters: Counter[];
  private readonly sum = new Counter();

  private readonly buckets: readonly number[];

  constructor(buckets: readonly number[]) {
    this.buckets = buckets;
    this.counters = Array.from({ length: buckets.length + 1 }, () => new Counter());
  }

  observe(value: number): void {
    let bucket = 0;
    while (bucket < this.buckets.length && value > this.buckets[bucket]!) bucket++;
    this.counters[bucket]!.add(1);
    this.sum.add(value);
  }

  get count(): number {
    return this.counters.reduce((sum, counter) => sum + counter.value, 0);
  }

  place(slots: Float64Array, at: number): void {
    for (const [i, counter] of [...this.counters, this.sum].entries()) counter.place(slots, at + i);
  }
}

interface Placeable {
  place(slots: Float64Array, at: number): void;
}

/**
 * All numbers of one engine. After `share()` they live in one SharedArrayBuffer, so that the control plane reads
 * them at any time without asking the thread that writes them.
 */
export class Stats {
  readonly descriptions: StatDescription[] = [];
  private readonly things: Placeable[] = [];
  private size = 0;

  counter(name: string, doc: string, labels: Record<string, string>): Counter {
    return this.add(new Counter(), 1, { name, kind: 'counter', doc, labels });
  }

  gauge(name: string, doc: string, labels: Record<string, string>): Gauge {
    return this.add(new Gauge(), 1, { name, kind: 'gauge', doc, labels });
  }

  histogram(name: string, doc: string, labels: Record<string, string>, buckets: readonly number[]): Histogram {
    return this.add(new Histogram(buckets), buckets.length + 2, { name, kind: 'histogram', doc, labels, buckets });
  }

  /** The number (or histogram) of an element's metric, for one value of its label. */
  metric(name: string, spec: MetricSpec, labels: Record<string, string>): Counter | Gauge | Histogram {
    if (spec.kind === 'histogram') return this.histogram(name, spec.doc, labels, spec.buckets ?? []);
    return spec.kind === 'gauge' ? this.gauge(name, spec.doc, labels) : this.counter(name, spec.doc, labels);
  }

  /** Moves all numbers into one block that other threads can read. */
  share(): SharedArrayBuffer {
    const block = new SharedArrayBuffer(Math.max(1, this.size) * 8);
    const slots = new Float64Array(block);
    for (const [i, thing] of this.things.entries()) thing.place(slots, this.descriptions[i]!.at);
    return block;
  }

  private add<T extends Placeable>(thing: T, slots: number, description: Omit<StatDescription, 'at'>): T {
    this.descriptions.push({ ...description, at: this.size });
    this.things.push(thing);
    this.size += slots;
    return thing;
  }
}
