import { collectDefaultMetrics, type Metric, Registry } from 'prom-client';
import type { StatDescription } from '../pipeline/stats.js';
import type { SharedStats } from './dataplane.js';

/** A worker's numbers, when there are some yet. */
export interface StatsSource {
  readonly worker: number;
  readonly stats: SharedStats | undefined;
}

/** Gauges of prom-client's with a counter's name, which promtool objects to. The same by type stays. */
const MISNAMED = ['nodejs_active_handles_total', 'nodejs_active_requests_total', 'nodejs_active_resources_total'];

interface Sample {
  readonly labels: Readonly<Record<string, string | number>>;
  readonly value: number;
  readonly metricName?: string;
}

/** How a number of the data plane is called in the metrics: `droppedPackets`, a counter, is potemkin_dropped_packets_total. */
export function metricName({ name, kind }: Pick<StatDescription, 'name' | 'kind'>): string {
  const snake = name.replace(/[A-Z]/g, (c) => `_${c.toLowerCase()}`);
  return `potemkin_${snake}${kind === 'counter' && !snake.endsWith('_total') ? '_total' : ''}`;
}

/** The samples of one number, or of one histogram: buckets count all that is not above their bound. */
function samples(name: string, stat: StatDescription, slots: Float64Array, worker: number): Sample[] {
  const labels = { ...stat.labels, worker };
  if (stat.kind !== 'histogram') return [{ labels, value: slots[stat.at]! }];
  const bounds = [...(stat.buckets ?? []), '+Inf'];
  let count = 0;
  const buckets = bounds.map((le, i) => {
    count += slots[stat.at + i]!;
    return { labels: { ...labels, le }, value: count, metricName: `${name}_bucket` };
  });
  return [
    ...buckets,
    { labels, value: slots[stat.at + bounds.length]!, metricName: `${name}_sum` },
    { labels, value: count, metricName: `${name}_count` },
  ];
}

/**
 * The registry behind /metrics: Node's own numbers, and those of the data plane, read at each scrape from the memory
 * that the workers write. The workers do nothing for it.
 */
export function metricsRegistry(
  sources: readonly StatsSource[],
  options: { version: string; process?: boolean; stopped?: () => boolean },
) {
  const registry = new Registry();
  if (options.process ?? true) {
    collectDefaultMetrics({ register: registry });
    for (const name of MISNAMED) registry.removeSingleMetric(name);
  }
  const add = (name: string, help: string, type: string, values: () => Sample[]) => {
    // prom-client's own classes keep their values; it asks no more of a metric than these.
    const metric = { name, help, type, get: async () => ({ name, help, type, aggregator: 'sum', values: values() }) };
    registry.registerMetric(metric as unknown as Metric<string>);
  };
  add('potemkin_build_info', 'The version that runs.', 'gauge', () => [
    { labels: { version: options.version }, value: 1 },
  ]);
  add('potemkin_data_plane_up', 'Whether a data-plane worker has started and not ended.', 'gauge', () =>
    sources.map(({ worker, stats }) => ({ labels: { worker }, value: stats ? 1 : 0 })),
  );
  add('potemkin_export_stopped', 'Whether export is stopped, until a person lifts it.', 'gauge', () => [
    { labels: {}, value: options.stopped?.() ? 1 : 0 },
  ]);
  const known = new Set<string>();
  return {
    registry,
    /** The text of /metrics. */
    async text(): Promise<string> {
      // Workers start after the server does, so what there is to tell is known at a scrape.
      for (const description of sources.flatMap(({ stats }) => stats?.descriptions ?? [])) {
        const name = metricName(description);
        if (known.has(name)) continue;
        known.add(name);
        add(name, sentence(description.doc), description.kind, () =>
          sources.flatMap(({ worker, stats }) =>
            (stats?.descriptions ?? [])
              .filter((each) => metricName(each) === name)
              .flatMap((each) => samples(name, each, stats!.slots, worker)),
          ),
        );
      }
      return registry.metrics();
    },
  };
}

const sentence = (doc: string) => `${doc.charAt(0).toUpperCase()}${doc.slice(1)}${doc.endsWith('.') ? '' : '.'}`;
