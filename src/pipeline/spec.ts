import type { Key } from './values.js';

/** Any number of ports, as many as are connected: Tee, IPClassifier, the switches. */
export interface AnyPorts {
  readonly any: true;
  readonly doc: string;
}

/** Ports by number only, as many as are connected. */
export const anyPorts = (doc: string): AnyPorts => ({ any: true, doc });

/** Ports with their names and what passes through them; the order is their numbering. */
export type Ports = AnyPorts | Readonly<Record<string, string>>;

export const isAnyPorts = (ports: Ports): ports is AnyPorts => 'any' in ports && ports['any'] === true;

/** A number that an element keeps for the metrics, beyond the packet counters that links have. */
export interface MetricSpec {
  readonly kind: 'counter' | 'gauge' | 'histogram';
  readonly doc: string;
  /** One label and all the values it can take; every value has its own number. */
  readonly label?: { readonly name: string; readonly values: readonly string[] };
  /** Upper bounds of a histogram's buckets, rising. */
  readonly buckets?: readonly number[];
}

/** The facts about an element: what `check`, `explain`, the metrics and the reference pages are made from. */
export interface Spec {
  /** One line: "ScanFilter: admits only …". */
  readonly summary: string;
  readonly inputs: Ports;
  readonly outputs: Ports;
  readonly config: Readonly<Record<string, Key<unknown>>>;
  /**
   * What no key can check alone: keys against each other and against the ports in use.
   * @returns what is wrong, if anything.
   */
  validate?(config: Readonly<Record<string, unknown>>, ports: { inputs: number; outputs: number }): string | undefined;
  /** Every reason for which it drops packets. */
  readonly drops: Readonly<Record<string, string>>;
  readonly metrics?: Readonly<Record<string, MetricSpec>>;
  readonly handlers?: Readonly<Record<string, { readonly read?: string; readonly write?: string }>>;
  /**
   * Where it brings packets in from, if it does: from the world as it happens, or from a record whose times become the
   * engine's. It may depend on its configuration.
   */
  readonly source?: 'live' | 'record' | ((config: never) => 'live' | 'record');
  /**
   * What comes in does not go out in the same turn: it is kept (Queue, CloneFarm) or leaves another way (GreTunnel). So a
   * cycle of the graph may pass through it.
   */
  readonly decoupled?: true;
  /**
   * What it means for containment. A `farm` is where clones' packets come from, an `exit` is where packets leave
   * the gateway, and a `guard` is an export policy, which licenses what leaves by the outputs it names. An exit sends
   * nothing but what it is given, in `push`: while export is stopped the engine gives it nothing.
   */
  readonly containment?: { readonly role: 'farm' | 'exit' } | { readonly role: 'guard'; readonly licenses: string };
  /**
   * Whether each of several workers may have one of its own, for the packets of its share of the addresses inside: `each`,
   * or a function that says why not, if its configuration is against it. Without this, no.
   */
  readonly workers?: 'each' | ((config: never) => string | undefined);
  /** What it does to packets that a guard must know of, if anything: most elements pass them on as they came. */
  readonly effect?: Effect;
}

/**
 * `reads`: fills in the columns of the headers. `straight`: what comes in by an input goes out by the output of the same number,
 * at once or later, in other packets, and by no other. `wraps`: puts a header of its own before them; `unwraps`: passes on what they
 * carried. `copies`: what leaves by an output but the first may be a copy, of which a flow table does not know. `universe`:
 * puts them into a universe. `records` and `plays`: a capture file, its key `filename`. `tracks`: tells the flow of each packet,
 * by its input; only what leaves by the output `tracked` is known to be of a flow of a clone.
 */
export type Effect =
  | 'reads'
  | 'straight'
  | 'wraps'
  | 'unwraps'
  | 'copies'
  | 'universe'
  | 'records'
  | 'plays'
  | {
      readonly tracks: { readonly outside: readonly string[]; readonly inside: readonly string[] };
      readonly tracked: string;
    };

export type ConfigOf<S extends Spec> = {
  readonly [K in keyof S['config']]: S['config'][K] extends Key<infer T> ? T : never;
};

/** What the engine drops in front of every exit. */
const EXIT_DROPS = {
  stopped: 'export is stopped, and a person has not lifted that yet',
  unwritten: 'strings in it are to be replaced, and no Rewriter has done it',
} as const;

/** Every reason for which packets end at an element: its own, and those of the engine on its behalf. */
export function dropsOf({ drops, containment }: Spec): Readonly<Record<string, string>> {
  return containment?.role === 'exit' ? { ...drops, ...EXIT_DROPS } : drops;
}

/** Port names in order, or 'any'. */
export function portNames(ports: Ports): readonly string[] | 'any' {
  return isAnyPorts(ports) ? 'any' : Object.keys(ports);
}
