import type { Metrics } from '../../pipeline/element.js';
import type { MetricSpec, Spec } from '../../pipeline/spec.js';
import type { LearntNames } from '../names.js';
import type { Endpoints } from './endpoints.js';
import { SINKS } from './kinds.js';
import type { SinkStore } from './store.js';

const OUTCOMES = ['stored', 'full', 'busy', 'failed'] as const;

/** What sinks count. */
export const SINKS_METRICS = {
  sink_taken: {
    kind: 'counter',
    doc: 'packets that a sink has taken',
    label: { name: 'sink', values: SINKS },
  },
  sink_dns_answers: {
    kind: 'counter',
    doc: 'answers of the DNS sink, by code',
    label: { name: 'code', values: ['noerror', 'formerr', 'servfail', 'nxdomain', 'notimp'] },
  },
  sink_dns_excess: {
    kind: 'counter',
    doc: 'DNS questions that were not answered because the clone had asked too many',
  },
  sink_real_refusals: {
    kind: 'counter',
    doc: 'questions that were not asked outside, and answers that were not passed on, by why',
    label: { name: 'reason', values: ['stopped', 'rate', 'tunnel', 'rebinding', 'failed'] },
  },
  sink_kept: {
    kind: 'gauge',
    doc: 'mails and requests since the start, by what became of them',
    label: { name: 'outcome', values: OUTCOMES },
  },
  sink_played: {
    kind: 'gauge',
    doc: 'addresses that sinks play, connections to them, and names that are remembered',
    label: { name: 'what', values: ['endpoints', 'connections', 'names'] },
  },
  sink_forgotten: {
    kind: 'gauge',
    doc: 'what was forgotten since the start because there was no room',
    label: { name: 'what', values: ['endpoints', 'names'] },
  },
} as const satisfies Record<string, MetricSpec>;

export type SinksMetrics = Metrics<Omit<Spec, 'metrics'> & { readonly metrics: typeof SINKS_METRICS }>;

/** Sets all gauges to what is now. There are no endpoints before a sink takes its first packet. */
export function measureSinks(
  metrics: SinksMetrics,
  endpoints: Endpoints | undefined,
  learnt: LearntNames,
  store: SinkStore,
): void {
  metrics.sink_played.endpoints.set(endpoints?.size ?? 0);
  metrics.sink_played.connections.set(endpoints?.talks ?? 0);
  metrics.sink_played.names.set(learnt.size);
  metrics.sink_forgotten.endpoints.set(endpoints?.evicted ?? 0);
  metrics.sink_forgotten.names.set(learnt.forgotten);
  for (const outcome of OUTCOMES) metrics.sink_kept[outcome].set(store.counts[outcome]);
}
