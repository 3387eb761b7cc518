import { formatAddress, parseAddress } from '../../packet/address.js';
import type { Packets } from '../../packet/packets.js';
import { CLASSES, protocolClass } from './limits.js';
import type { Meter } from './meter.js';

/** Meters of one decision that are remembered. */
const MOST_READINGS = 32;

/** How some meters stood. Used again and again, so that no decision leaves garbage behind. */
export class Readings {
  readonly meters: (Meter | undefined)[] = new Array(MOST_READINGS).fill(undefined);
  readonly counts = new Float64Array(MOST_READINGS);
  size = 0;

  clear(): void {
    this.size = 0;
  }

  add(meter: Meter, count: number): void {
    if (this.size === MOST_READINGS) return;
    this.meters[this.size] = meter;
    this.counts[this.size++] = count;
  }
}

/** What a flow is between. */
export interface FlowEnds {
  readonly proto: number;
  readonly src: number;
  readonly sport: number;
  readonly dst: number;
  readonly dport: number;
}

/** One decision about a flow. */
export interface Decision extends FlowEnds {
  /** Seconds since the epoch. */
  readonly time: number;
  readonly universe: number;
  readonly clone: number;
  readonly verdict: string;
  /** file:line */
  readonly rule: string;
  /** The limit that was reached, if one was. */
  readonly over: Meter | undefined;
  /** The meters that were asked, before the flow was counted. */
  readonly readings: readonly { readonly meter: Meter; readonly count: number }[];
}

const COLUMNS = ['universe', 'clone', 'proto', 'src', 'sport', 'dst', 'dport'] as const;
const WIDTH = COLUMNS.length;

/**
 * The decisions made last, as many as there is room for. They lie in columns: objects that live so long, and no longer, are
 * what a garbage collector is slowest with.
 */
export class Decisions {
  readonly capacity: number;
  private readonly times: Float64Array;
  private readonly numbers: Uint32Array;
  private readonly counts: Float64Array;
  private readonly meters: (Meter | undefined)[];
  private readonly verdicts: string[] = [];
  private readonly rules: string[] = [];
  private readonly overs: (Meter | undefined)[] = [];
  private made = 0;

  constructor(capacity: number) {
    this.capacity = capacity;
    this.times = new Float64Array(capacity);
    this.numbers = new Uint32Array(capacity * WIDTH);
    this.counts = new Float64Array(capacity * MOST_READINGS);
    this.meters = new Array(capacity * MOST_READINGS).fill(undefined);
  }

  get size(): number {
    return Math.min(this.made, this.capacity);
  }

  /** Remembers what was decided about the packet in a row. */
  add(
    packets: Packets,
    row: number,
    time: number,
    verdict: string,
    rule: string,
    over: Meter | undefined,
    readings: Readings,
  ): void {
    const at = this.made++ % this.capacity;
    this.times[at] = time;
    const { numbers } = this;
    let place = at * WIDTH;
    // In the order of COLUMNS. One by one, since V8 looks up a name that it does not know beforehand each time.
    numbers[place++] = packets.universe[row]!;
    numbers[place++] = packets.clone[row]!;
    numbers[place++] = packets.proto[row]!;
    numbers[place++] = packets.src[row]!;
    numbers[place++] = packets.sport[row]!;
    numbers[place++] = packets.dst[row]!;
    numbers[place++] = packets.dport[row]!;
    this.verdicts[at] = verdict;
    this.rules[at] = rule;
    this.overs[at] = over;
    const first = at * MOST_READINGS;
    const { meters, counts, size } = readings;
    for (let i = 0; i < size; i++) {
      this.meters[first + i] = meters[i];
      this.counts[first + i] = counts[i]!;
    }
    if (size < MOST_READINGS) this.meters[first + size] = undefined;
  }

  /** The latest first. */
  *[Symbol.iterator](): IterableIterator<Decision> {
    for (let i = 1; i <= this.size; i++) yield this.get((this.made - i) % this.capacity);
  }

  private get(at: number): Decision {
    const readings: { meter: Meter; count: number }[] = [];
    for (let i = at * MOST_READINGS; i < (at + 1) * MOST_READINGS; i++) {
      const meter = this.meters[i];
      if (!meter) break;
      readings.push({ meter, count: this.counts[i]! });
    }
    const numbers = Object.fromEntries(COLUMNS.map((name, i) => [name, this.numbers[at * WIDTH + i]!]));
    return {
      ...(numbers as Record<(typeof COLUMNS)[number], number>),
      time: this.times[at]!,
      verdict: this.verdicts[at]!,
      rule: this.rules[at]!,
      over: this.overs[at],
      readings,
    };
  }
}

/** What the flow of a row is between. */
export function flowEnds(packets: Packets, row: number): FlowEnds {
  const [proto, src, dst] = [packets.proto[row]!, packets.src[row]!, packets.dst[row]!];
  return { proto, src, sport: packets.sport[row]!, dst, dport: packets.dport[row]! };
}

/** `tcp 10.99.1.2:4444 > 198.51.100.7:25` */
export function describeFlow({ proto, src, sport, dst, dport }: FlowEnds): string {
  const name = CLASSES[protocolClass(proto)]!;
  const ported = name === 'tcp' || name === 'udp';
  const end = (address: number, port: number) => `${formatAddress(address)}${ported ? `:${port}` : ''}`;
  return `${name === 'other' ? `proto ${proto}` : name} ${end(src, sport)} > ${end(dst, dport)}`;
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

/** Which decisions a person asks for: of an address, a clone, a universe, or all. @throws {Error} if it is none of these */
export function decisionsAbout(text: string): (decision: Decision) => boolean {
  const [, kind, number] = /^(clone|universe) (\d+)$/.exec(text) ?? [];
  const address = parseAddress(text);
  if (text === 'all') return () => true;
  if (kind === 'clone' || kind === 'universe') return (decision) => decision[kind] === Number(number);
  if (address === undefined) throw new Error(`expected an address, 'clone N', 'universe N' or 'all', not '${text}'`);
  return ({ src, dst }) => src === address || dst === address;
}
