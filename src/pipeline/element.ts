import type { Batch } from '../packet/batch.js';
import type { Packets } from '../packet/packets.js';
import type { Share } from '../packet/spread.js';
import type { Clock } from './clock.js';
import type { EngineEvent } from './events.js';
import type { Handlers } from './handlers.js';
import type { ExportStop } from './kill-switch.js';
import type { Link } from './link.js';
import type { AnyPorts, ConfigOf, MetricSpec, Spec } from './spec.js';
import type { Counter, Gauge, Histogram } from './stats.js';

/** What the engine offers to elements. */
export interface Services {
  readonly packets: Packets;
  readonly clock: Clock;
  /** Seeds everything that looks random, so that a replay can be repeated byte for byte. */
  readonly seed: bigint;
  /** The folder of what outlives a run: images, captures. */
  readonly state: string;
  /** Whether export is stopped; and stops it, where something is not as it should be. */
  readonly killSwitch: ExportStop;
  /** Which worker this is. What is kept for packets of its share alone needs no thought of others. */
  readonly share: Share;
  /** What the elements of a name have in common in all workers (ElementClass.common); undefined if there is one worker. */
  common(element: string): unknown;
  /** The one instance of a class that the elements of this engine share. */
  shared<T>(of: new (services: Services) => T): T;
  /** Reads and writes what elements show by name. */
  readonly handlers: Handlers;
  /** Tells the control plane what happened. Bounded: a flood of events is cut and counted. */
  event(event: EngineEvent): void;
  /** Whether an interface may be opened now: what must be in force on it is. Asked again before each attempt. */
  mayOpen(device: string, index: number): boolean;
  /** Asks for a turn, from a callback that runs outside of one. */
  wake(): void;
}

type Numbers<M extends MetricSpec> = M['kind'] extends 'histogram'
  ? Histogram
  : M['kind'] extends 'gauge'
    ? Gauge
    : Counter;

export type Metrics<S extends Spec> = {
  readonly [K in keyof S['metrics']]: S['metrics'][K] extends MetricSpec
    ? S['metrics'][K] extends { readonly label: { readonly values: readonly (infer V extends string)[] } }
      ? { readonly [W in V]: Numbers<S['metrics'][K]> }
      : Numbers<S['metrics'][K]>
    : never;
};

export type Outputs<S extends Spec> = S['outputs'] extends AnyPorts
  ? readonly Link[]
  : { readonly [K in keyof S['outputs']]: Link };

type Numbering<P> = P extends AnyPorts ? Record<string, never> : { readonly [K in keyof P]: number };

/** Everything an element is made from; the engine prepares it. */
export interface Setup<S extends Spec = Spec> {
  readonly name: string;
  readonly className: string;
  readonly configText: string;
  readonly config: ConfigOf<S>;
  readonly input: Numbering<S['inputs']>;
  readonly drops: { readonly [K in keyof S['drops']]: Drop };
  readonly metrics: Metrics<S>;
  readonly services: Services;
}

export interface HandlerFunctions {
  /** @param argument what follows the name where it is asked for: empty in most cases */
  read?(argument: string): string;
  /** @throws {Error} with a message for the person who wrote. */
  write?(value: string): void;
}

/** Where rows end. */
export interface Drop {
  /** Ends a row. */
  add(row: number): void;
  /** Ends all rows of a batch. */
  addAll(batch: Batch): void;
  /** Counts packets that have no row: held ones that are given up, copies for which the table had no room. */
  lose(count: number): void;
  /** All that ended here. */
  readonly value: number;
  /** Those of them that were rows. */
  readonly rows: number;
}

/** What the engine needs to know of an element, whatever its spec. */
export abstract class AnyElement {
  readonly name: string;
  readonly className: string;
  readonly configText: string;
  readonly drops: Readonly<Record<string, Drop>>;
  readonly packets: Packets;
  readonly services: Services;
  /** Rows that ended by leaving the gateway. */
  sent = 0;
  /** Rows that ended by being kept for a later turn. */
  held = 0;

  constructor(setup: Setup<never>) {
    const { name, className, configText, drops, services } = setup as Setup;
    this.name = name;
    this.className = className;
    this.configText = configText;
    this.drops = drops;
    this.services = services;
    this.packets = services.packets;
  }

  /**
   * Takes the rows that arrived at one input. The batch is the element's until it returns.
   * @param bytes how long their packets are together, as they came
   */
  push(_batch: Batch, _input: number, _bytes: number): void {
    throw new Error(`${this.name}: ${this.className} has no inputs`);
  }

  /** Opens what must be open before packets flow. A rejection stops the start with its message. */
  start?(): void | Promise<void>;

  /** Closes it. Called once, also after a failed start. */
  stop?(): void | Promise<void>;

  /**
   * Brings packets into the graph at the start of a turn: at most `max` rows, taken from the packet table and
   * added to outputs. Returns whether there is more at once.
   */
  pull?(max: number): boolean;

  /** After all packets of a turn have ended. */
  settle?(): void;

  /** Packets it keeps now, for elements that hold. */
  get waiting(): number | undefined {
    return undefined;
  }

  /** A source that can end, such as a capture: whether it has. The run ends when all that can have. */
  get ended(): boolean | undefined {
    return undefined;
  }

  /** Handlers by name, as declared in the spec. */
  handlers(): Readonly<Record<string, HandlerFunctions>> {
    return {};
  }
}

/**
 * A box of the graph. Every row that `push` is given must end in exactly one place: an output, a drop, `sent`
 * (it has left the gateway) or `held` (its bytes were copied, to come back in a row of another turn). The engine
 * can check this after every call, and does in all tests.
 */
export abstract class Element<S extends Spec> extends AnyElement {
  readonly config: ConfigOf<S>;
  /** Numbers of the input ports by name. */
  readonly input: Numbering<S['inputs']>;
  /** The links its outputs lead to. Set by the engine before `start`. */
  readonly out!: Outputs<S>;
  declare readonly drops: { readonly [K in keyof S['drops']]: Drop };
  readonly metrics: Metrics<S>;

  constructor(setup: Setup<S>) {
    super(setup as unknown as Setup<never>);
    this.config = setup.config;
    this.input = setup.input;
    this.metrics = setup.metrics;
  }

  /** Seconds since the epoch, on the engine's clock. */
  now(): number {
    return this.services.clock.now;
  }
}

/** The class of an element, as the registry knows it. */
export interface ElementClass {
  readonly name: string;
  readonly spec: Spec;
  /**
   * Makes what the elements of a name have in common in several workers: memory that threads can share.
   * @param config the values of its keys
   */
  common?(config: never, name: string, seed: bigint): unknown;
  new (setup: Setup<never>): AnyElement;
}
