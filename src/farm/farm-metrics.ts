import type { Metrics } from '../pipeline/element.js';
import type { MetricSpec, Spec } from '../pipeline/spec.js';
import type { CloneBackend } from './backend.js';
import { ENDINGS } from './clones.js';
import type { Lifecycle } from './lifecycle.js';
import { RATINGS } from './monitor/rules.js';

/** Upper bounds of how long bindings take. */
const SECONDS = [0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5];

const STATES = ['standby', 'binding', 'live', 'quiet', 'captured'] as const;
const STOCK = ['target', 'making'] as const;
const MEMORY = ['reference', 'delta', 'tables'] as const;
const ORIGIN = { name: 'origin', values: ['warm', 'cold'] } as const;

/** What a farm counts. */
export const FARM_METRICS = {
  clones: { kind: 'gauge', doc: 'clones by state', label: { name: 'state', values: STATES } },
  standby: {
    kind: 'gauge',
    doc: 'machines that should stand by, and that are in the making',
    label: { name: 'kind', values: STOCK },
  },
  universes: { kind: 'gauge', doc: 'universes that exist' },
  pool_bytes: { kind: 'gauge', doc: 'memory of the clone pool', label: { name: 'kind', values: MEMORY } },
  recorded_bytes: { kind: 'gauge', doc: 'memory that recordings of what clones said take' },
  clones_made: { kind: 'counter', doc: 'clones made' },
  clones_ended: { kind: 'counter', doc: 'clones ended, by why', label: { name: 'reason', values: ENDINGS } },
  rated: {
    kind: 'gauge',
    doc: 'clones by how the monitor rates them',
    label: { name: 'rating', values: RATINGS },
  },
  malicious: { kind: 'counter', doc: 'clones that were found malicious' },
  fingerprints: { kind: 'gauge', doc: 'fingerprints of payloads that are kept' },
  fingerprints_forgotten: { kind: 'counter', doc: 'fingerprints that went before their clone, for want of room' },
  payloads_repeated: { kind: 'counter', doc: 'payloads that a clone sent and had been sent before' },
  captures: {
    kind: 'counter',
    doc: 'clones and universes of interest, by what became of their capture',
    label: { name: 'outcome', values: ['captured', 'full', 'busy', 'failed'] },
  },
  ready_seconds: {
    kind: 'histogram',
    doc: 'time from the first packet for an address until its clone runs',
    label: ORIGIN,
    buckets: SECONDS,
  },
  reply_seconds: {
    kind: 'histogram',
    doc: 'time from the first packet for an address until its clone sends the first one',
    label: ORIGIN,
    buckets: SECONDS,
  },
} as const satisfies Record<string, MetricSpec>;

type FarmMetrics = Metrics<Omit<Spec, 'metrics'> & { readonly metrics: typeof FARM_METRICS }>;

/** Sets all gauges to what is now, and counters that the farm itself keeps. */
export function measureFarm(metrics: FarmMetrics, backend: CloneBackend, life: Lifecycle): void {
  const { clones, retirement, recordings, monitor } = life;
  const memory = backend.memory();
  for (const kind of MEMORY) metrics.pool_bytes[kind].set(memory[kind]);
  const stock = backend.stock?.();
  for (const kind of STOCK) metrics.standby[kind].set(stock?.[kind] ?? 0);
  const states = { standby: stock?.ready ?? 0, binding: 0, live: 0, quiet: 0, captured: retirement.size, gone: 0 };
  for (const { state } of clones) states[state]++;
  for (const state of STATES) metrics.clones[state].set(states[state]);
  metrics.universes.set(clones.universes.size);
  metrics.recorded_bytes.set(recordings.bytes);
  const { rated, malicious, payloads } = monitor;
  for (const rating of RATINGS) metrics.rated[rating].set(rated[rating]);
  metrics.fingerprints.set(payloads.kept);
  metrics.malicious.add(malicious - metrics.malicious.value);
  metrics.fingerprints_forgotten.add(payloads.forgotten - metrics.fingerprints_forgotten.value);
  metrics.payloads_repeated.add(payloads.repeated - metrics.payloads_repeated.value);
}
