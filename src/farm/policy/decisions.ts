import { formatAddress } from '../../packet/address.js';
import { CLASSES, protocolClass } from './limits.js';
import type { Meter } from './meter.js';

/** How a meter stood when a flow was decided. */
export interface Reading {
  readonly meter: Meter;
  readonly count: number;
}

/** One decision about a flow. */
export interface Decision {
  /** Seconds since the epoch. */
  readonly time: number;
  readonly universe: number;
  readonly clone: number;
  readonly proto: number;
  readonly src: number;
  readonly sport: number;
  readonly dst: number;
  readonly dport: number;
  readonly verdict: string;
  /** file:line */
  readonly rule: string;
  /** The meters that were asked, before the flow was counted. */
  readonly readings: readonly Reading[];
  /** The limit that was reached, if one was. */
  readonly over: Meter | undefined;
}

/** The decisions made last, as many as there is room for. */
export class Decisions {
  private readonly ring: Decision[] = [];
  private readonly capacity: number;
  private next = 0;

  constructor(capacity: number) {
    this.capacity = capacity;
  }

  get size(): number {
    return this.ring.length;
  }

  add(decision: Decision): void {
    this.ring[this.next] = decision;
    this.next = (this.next + 1) % this.capacity;
  }

  /** The latest first. */
  *[Symbol.iterator](): IterableIterator<Decision> {
    for (let i = 1; i <= this.ring.length; i++) yield this.ring[(this.next - i + this.capacity) % this.capacity]!;
  }
}

/** `tcp 10.99.1.2:4444 > 198.51.100.7:25` */
export function describeFlow({
  proto,
  src,
  sport,
  dst,
  dport,
}: Omit<Decision, 'readings' | 'over'> | FlowEnds): string {
  const name = CLASSES[protocolClass(proto)]!;
  const ported = name === 'tcp' || name === 'udp';
  const end = (address: number, port: number) => `${formatAddress(address)}${ported ? `:${port}` : ''}`;
  return `${name === 'other' ? `proto ${proto}` : name} ${end(src, sport)} > ${end(dst, dport)}`;
}

/** What a flow is between. */
export interface FlowEnds {
  readonly proto: number;
  readonly src: number;
  readonly sport: number;
  readonly dst: number;
  readonly dport: number;
}

/** One line: when, verdict, rule, who, flow, and how the quotas stood. */
export function describeDecision(decision: Decision): string {
  const { time, universe, clone, verdict, rule, readings, over } = decision;
  const quotas = readings.map(
    ({ meter, count }) => `${meter.limit.text}: ${count} of ${meter.limit.most}${meter === over ? ', reached' : ''}`,
  );
  const when = new Date(time * 1000).toISOString();
  return [when, verdict, rule, `universe ${universe}`, `clone ${clone}`, describeFlow(decision), ...quotas].join('\t');
}
