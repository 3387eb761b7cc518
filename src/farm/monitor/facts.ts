import { megabytes } from '../megabytes.js';
import type { Evidence } from './evidence.js';

/** What rules may ask of a clone. None ever falls while the clone lives. */
export interface Fact {
  readonly doc: string;
  /** Amounts are sizes such as 4M. */
  readonly bytes?: true;
  value(of: Evidence): number;
  /** What a reason says in its place, if not the value. */
  show?(of: Evidence): string;
}

/** Names that a reason lists. */
const NAMED = 8;

function list(names: readonly string[]): string {
  const more = names.length - NAMED;
  return names.slice(0, NAMED).join(', ') + (more > 0 ? ` and ${more} more` : '');
}

const facts = {
  opened: { doc: 'flows that it began', value: ({ opened }) => opened },
  destinations: {
    doc: 'addresses that it began flows to, counted up to 64',
    value: ({ destinations }) => destinations,
  },
  children: { doc: 'clones that were made because it called them', value: ({ children }) => children },
  depth: { doc: 'depth of its universe: 2 or more if a clone in it called for another', value: ({ depth }) => depth },
  delta: { doc: 'memory that it changed', bytes: true, value: ({ delta }) => delta },
  growth: {
    doc: 'memory that it changed beyond the baseline of its image',
    bytes: true,
    value: ({ growth }) => growth,
  },
  ports: {
    doc: 'TCP and UDP ports that it listens on, and its image does not',
    value: ({ ports }) => ports.length,
    show: ({ ports }) => list(ports),
  },
  processes: {
    doc: 'names of processes that run in it, and in its image do not',
    value: ({ processes }) => processes.length,
    show: ({ processes }) => list(processes),
  },
  repeated: {
    doc: 'payloads that it sent by flows it began, and had been sent before by flows to it',
    value: ({ payloads }) => payloads.repeated.length,
    show: ({ payloads }) => list(payloads.repeated),
  },
  'same-port': {
    doc: 'of these, those that it had been sent on the same port',
    value: ({ payloads }) => payloads.samePort,
  },
  relays: {
    doc: 'clones in a row that sent on a payload they had been sent, this one the last of them',
    value: ({ payloads }) => payloads.relays,
  },
  forwarded: { doc: 'flows that it began and that left', value: ({ verdicts }) => verdicts.forward },
  reflected: { doc: 'flows that it began and that were reflected', value: ({ verdicts }) => verdicts.reflect },
  redirected: { doc: 'flows that it began and that were redirected', value: ({ verdicts }) => verdicts.redirect },
  dropped: { doc: 'flows that it began and that were dropped', value: ({ verdicts }) => verdicts.drop },
  refused: { doc: 'flows that it began and that were reset', value: ({ verdicts }) => verdicts.reset },
  limited: { doc: 'flows that it began over a quota', value: ({ limited }) => limited },
} as const satisfies Record<string, Fact>;

export type FactName = keyof typeof facts;

export const FACTS: Readonly<Record<FactName, Fact>> = facts;

export const FACT_NAMES = Object.keys(facts) as readonly FactName[];

/** What beside facts a reason may show. */
export const SHOWN: Readonly<Record<string, (of: Evidence) => string>> = {
  baseline: ({ baseline }) => megabytes(baseline),
};

/** A fact as a reason shows it. With a noun it is a number of such things. */
export function showFact(name: FactName, noun: string | undefined, of: Evidence): string {
  const fact = FACTS[name];
  const value = fact.value(of);
  if (noun !== undefined) return `${value} ${noun}${value === 1 ? '' : 's'}`;
  if (fact.show) return fact.show(of);
  return fact.bytes ? megabytes(value) : String(value);
}
