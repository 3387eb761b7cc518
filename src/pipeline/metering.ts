import type { Batch } from '../packet/batch.js';
import { Element } from './element.js';
import { RateAverage } from './rate.js';
import { anyPorts, type Spec } from './spec.js';
import { type Key, rest } from './values.js';

/** The facts that all meters share; `unit` is what their rates count. */
export const meterSpec = (summary: string, unit: string, key: (fallback: undefined, doc: string) => Key<number>) =>
  ({
    summary,
    inputs: { in: 'packets' },
    outputs: anyPorts('all packets, while the rate is below the rate of this number and not below the one before'),
    config: { rates: rest(key(undefined, `Rates in ${unit} per second, rising.`)) },
    validate: ({ rates }, { outputs }) => {
      const list = rates as readonly number[];
      if (list.length === 0) return 'give at least one rate';
      if (list.some((each, i) => i > 0 && each <= list[i - 1]!)) return 'each rate must be above the one before it';
      return outputs === list.length + 1
        ? undefined
        : `${list.length} rates need ${list.length + 1} outputs, but ${outputs} are connected`;
    },
    drops: {},
    handlers: { rate: { read: `${unit} per second, averaged` } },
  }) as const satisfies Spec;

type MeterSpec = ReturnType<typeof meterSpec>;

/** Sends the whole stream to the output that stands for its rate. */
export abstract class RateSwitch extends Element<MeterSpec> {
  private readonly average = new RateAverage();

  /** How much a packet of this length counts. */
  protected abstract amount(length: number): number;

  override push(batch: Batch): void {
    const { length } = this.packets;
    const { rates } = this.config;
    const now = this.now();
    for (let i = 0; i < batch.count; i++) {
      const row = batch.rows[i]!;
      const rate = this.average.rate(now);
      let port = 0;
      while (port < rates.length && rate >= rates[port]!) port++;
      this.average.add(this.amount(length[row]!));
      this.out[port]!.add(row);
    }
  }

  override handlers() {
    return { rate: { read: () => String(this.average.rate(this.now())) } };
  }
}
