import { randomBytes } from 'node:crypto';
import { BATCH } from '../packet/columns.js';
import { Packets } from '../packet/packets.js';
import { ALL, type Share } from '../packet/spread.js';
import type { CheckedGraph } from './check.js';
import { Clock } from './clock.js';
import type { AnyElement, Services } from './element.js';
import { ConservationError, ElementError } from './errors.js';
import { type EngineEvent, EventGate } from './events.js';
import { Handlers } from './handlers.js';
import { KillSwitch } from './kill-switch.js';
import { type Gate, Inlet, type Link } from './link.js';
import { makeGraph } from './make.js';
import type { Registry } from './registry.js';
import { type Counter, type Gauge, type Histogram, Stats } from './stats.js';

export interface EngineOptions {
  /** Default: drawn at random; in a replay always the same, so that it gives the same result each time. */
  seed?: bigint;
  /** Which of several workers this is, and what their elements have in common, by name; default: the only one. */
  share?: Share;
  common?: ReadonlyMap<string, unknown>;
  /** The folder of what outlives a run; the working folder by default. */
  state?: string;
  /** Default: the wall clock, or the packets' own time if all sources are replayed captures. */
  clock?: Clock;
  /** That of the daemon; default: one of its own, with which nothing is stopped. */
  killSwitch?: KillSwitch;
  /** Whether an interface may be opened; default: always. */
  mayOpen?(device: string, index: number): boolean;
  /** Checks after each call of an element that no row was lost or doubled. */
  checked?: boolean;
  onEvent?(event: EngineEvent): void;
}

/** Turns run in one go before the event loop gets its turn, and the seconds they may take together. */
const TURNS = 64;
const SLICE = 0.002;

/** Milliseconds without a turn. */
const LONGEST_IDLE = 1000;

/** Seconds. */
const TURN_BUCKETS = [1e-5, 1e-4, 1e-3, 1e-2, 0.1, 1, 10];

/**
 * Runs a graph. One turn is: sources and holding elements bring packets in, all elements pass them on in
 * topological order, rows are taken back. Turns follow each other as long as there is work, in slices, so that
 * a flood cannot starve what else runs on the thread.
 */
export class Engine {
  readonly elements: readonly AnyElement[];
  readonly links: readonly Link[];
  readonly stats = new Stats();
  readonly clock: Clock;
  readonly packets = new Packets();
  readonly services: Services;
  readonly handlers: Handlers;
  /** Events of kind `error` so far, whether or not they were passed on. */
  errors = 0;
  /** All inputs, those of each element after those of the elements that feed it. */
  private readonly inlets: readonly Inlet[];
  private readonly pulling: readonly AnyElement[];
  /** Sources whose packets set the clock. They are not among those that pull. */
  private readonly clocking: readonly AnyElement[];
  private readonly settling: readonly AnyElement[];
  private readonly holding: readonly AnyElement[];
  private readonly finite: readonly AnyElement[];
  private readonly suppressed: Counter;
  private readonly turns: Counter;
  private readonly turnSeconds: Histogram;
  private readonly lastTurn: Gauge;
  /** One a kind, so that a flood of one kind hides no other. */
  private readonly gates = new Map<EngineEvent['kind'], EventGate>();
  private readonly checked: boolean;
  private readonly guards: ReadonlySet<AnyElement>;
  /** Ends idleness, if the engine is idle; otherwise `woken` says that it need not begin. */
  private wakeUp: (() => void) | undefined;
  private woken = false;
  private readonly sleep = (resolve: () => void) => {
    this.wakeUp = resolve;
  };
  /** What ends idleness if nothing else does, and when it is due (ms). */
  private alarm: NodeJS.Timeout | undefined;
  private alarmAt = 0;
  private readonly onAlarm = () => {
    this.alarm = undefined;
    if (this.wakeUp) this.wake();
  };
  private stopping = false;
  /** The element that runs now, or ran last: whose exception it is. */
  private current: AnyElement | undefined;

  constructor(graph: CheckedGraph, registry: Registry, options: EngineOptions = {}) {
    this.checked = options.checked ?? process.env['POTEMKIN_CHECKED'] === '1';
    const shared = new Map<unknown, unknown>();
    const origins = sourcesOf(graph, registry);
    const replay = origins.includes('record') && !origins.includes('live');
    const clock = options.clock ?? new Clock({ virtual: replay });
    const engine = this;
    this.services = {
      packets: this.packets,
      clock,
      seed: options.seed ?? (replay ? 1n : randomBytes(8).readBigUInt64LE()),
      share: options.share ?? ALL,
      common: (element) => options.common?.get(element),
      state: options.state ?? '.',
      killSwitch: options.killSwitch ?? new KillSwitch(),
      shared<T>(of: new (services: Services) => T): T {
        if (!shared.has(of)) shared.set(of, new of(engine.services));
        return shared.get(of) as T;
      },
      get handlers() {
        return engine.handlers;
      },
      event: (event) => {
        if (event.kind === 'error') this.errors++;
        if (this.gate(event.kind).admits(performance.now() / 1000)) options.onEvent?.(event);
        else this.suppressed.add(1);
      },
      mayOpen: (device, index) => options.mayOpen?.(device, index) ?? true,
      wake: () => this.wake(),
    };
    const { elements, links } = makeGraph(graph, registry, this.services, this.stats);
    this.elements = elements;
    this.links = links;
    this.handlers = new Handlers(this);
    this.handlers.define('stop', { write: () => this.halt() });
    const roles = new Map(elements.map((each) => [each, registry.get(each.className)?.spec.containment?.role]));
    this.guards = new Set(elements.filter((each) => roles.get(each) === 'guard'));
    this.inlets = graph.order.flatMap((number) => {
      const element = elements[number]!;
      const isExit = roles.get(element) === 'exit';
      return inletsOf(
        links.filter(({ to }) => to.element === element),
        isExit
          ? {
              killSwitch: this.services.killSwitch,
              drop: element.drops['stopped']!,
              unwritten: element.drops['unwritten']!,
            }
          : undefined,
      );
    });
    const pulling = elements.filter((element) => element.pull);
    this.settling = elements.filter((element) => element.settle);
    this.holding = pulling.filter((element) => element.waiting !== undefined);
    this.finite = elements.filter((element) => element.ended !== undefined);
    this.suppressed = this.stats.counter('suppressed_events', 'events of elements that came too fast to be told', {});
    this.turns = this.stats.counter('turns', 'turns that the data plane has run', {});
    this.turnSeconds = this.stats.histogram('turn_duration_seconds', 'how long turns take', {}, TURN_BUCKETS);
    this.lastTurn = this.stats.gauge('last_turn_timestamp_seconds', 'when the last turn ended', {});
    this.clock = clock;
    this.clocking = pulling.filter((element) => clock.virtual && origins[elements.indexOf(element)] === 'record');
    this.pulling = pulling.filter((element) => !this.clocking.includes(element));
  }

  /** Starts all elements. If one cannot start, those that have are stopped again. */
  async start(): Promise<void> {
    for (const [i, element] of this.elements.entries()) {
      try {
        await element.start?.();
      } catch (error) {
        await Promise.allSettled(this.elements.slice(0, i + 1).map(async (each) => each.stop?.()));
        throw new ElementError(element, error);
      }
    }
  }

  /** Stops all elements, every one even if another fails. */
  async stop(): Promise<void> {
    const ends = await Promise.allSettled(
      this.elements.map(async (element) => {
        try {
          await element.stop?.();
        } catch (error) {
          throw new ElementError(element, error);
        }
      }),
    );
    const failed = ends.filter((end) => end.status === 'rejected').map((end): ElementError => end.reason);
    if (failed.length === 1) throw failed[0];
    if (failed.length > 1) throw new AggregateError(failed, failed.map(({ message }) => message).join('; '));
  }

  /** Runs turns until `halt`, or until all finite sources have ended and nothing is left to do. */
  async run(): Promise<void> {
    while (!this.stopping) {
      const until = performance.now() + SLICE * 1000;
      let busy = true;
      for (let i = 0; i < TURNS && busy && !this.stopping; i++) {
        busy = this.timedTurn(false);
        if (performance.now() > until) break;
      }
      if (this.stopping) break;
      if (busy) await new Promise((next) => setImmediate(next));
      else if (this.finished()) break;
      else if (this.clock.virtual && this.clock.deadline < Number.POSITIVE_INFINITY)
        this.clock.advance(this.clock.deadline);
      else await this.idle();
    }
    clearTimeout(this.alarm);
    this.alarm = undefined;
  }

  /**
   * After `run`: lets go the packets that elements hold, while the sources bring no new ones.
   * @param seconds how long it may take; what waits for something that does not come is left behind
   */
  async drain(seconds: number): Promise<void> {
    const until = performance.now() + seconds * 1000;
    while (this.holding.some((element) => element.waiting) && performance.now() < until) {
      const busy = this.timedTurn(true);
      await new Promise((next) => (busy ? setImmediate(next) : setTimeout(next, 5)));
    }
  }

  /** Makes `run` return after the turn it is in. */
  halt(): void {
    this.stopping = true;
    this.wake();
  }

  /**
   * Runs one turn. Returns whether there was, or is, something to do.
   * @param draining whether only elements that hold packets may bring some in
   */
  turn(draining = false): boolean {
    if (!this.clock.virtual) this.clock.advance(Date.now() / 1000);
    const { packets } = this;
    let more = this.pull(draining ? this.holding : this.pulling);
    // Whoever sets the clock waits until all that happened before is done with.
    if (!draining && !more && packets.used === 0) more = this.pull(this.clocking);
    const moved = packets.used > 0;
    for (const inlet of this.inlets) {
      const { count, element } = inlet;
      if (count === 0) continue;
      this.current = element;
      if (this.checked) this.conserve(element, count, () => inlet.flush());
      else inlet.flush();
    }
    if (moved) {
      for (const element of this.settling) {
        this.current = element;
        element.settle!();
      }
    }
    this.current = undefined;
    packets.reset();
    return more || moved;
  }

  private timedTurn(draining: boolean): boolean {
    const start = performance.now();
    try {
      return this.turn(draining);
    } catch (error) {
      const { current } = this;
      // The run ends, and the next one must not begin as if nothing had been.
      if (current && this.guards.has(current)) this.services.killSwitch.stop(current.name, `policy error: ${error}`);
      throw current ? new ElementError(current, error) : error;
    } finally {
      this.turns.add(1);
      this.turnSeconds.observe((performance.now() - start) / 1000);
      this.lastTurn.set(Date.now() / 1000);
    }
  }

  /** Lets elements bring packets in. Returns whether one has more. */
  private pull(elements: readonly AnyElement[]): boolean {
    const { packets } = this;
    let more = false;
    for (const element of elements) {
      this.current = element;
      const max = Math.min(BATCH, packets.free);
      if (max === 0) return true;
      if (this.checked ? this.conserve(element, 0, () => element.pull!(max)) : element.pull!(max)) more = true;
    }
    return more;
  }

  private gate(kind: EngineEvent['kind']): EventGate {
    const gate = this.gates.get(kind) ?? new EventGate();
    this.gates.set(kind, gate);
    return gate;
  }

  private finished(): boolean {
    return (
      this.finite.length > 0 &&
      this.finite.every((element) => element.ended) &&
      this.elements.every((element) => !element.waiting)
    );
  }

  private wake(): void {
    const { wakeUp } = this;
    this.wakeUp = undefined;
    if (wakeUp) wakeUp();
    else this.woken = true;
  }

  /** Waits for a wake-up or the next timer. While packets come it is called a thousand times a second, so it allocates little. */
  private idle(): Promise<void> | undefined {
    if (this.woken) {
      this.woken = false;
      return undefined;
    }
    const now = Date.now();
    const due = Math.min(now + LONGEST_IDLE, this.clock.deadline * 1000);
    // An alarm that is early enough is left as it is.
    if (this.alarm === undefined || this.alarmAt > due) {
      clearTimeout(this.alarm);
      this.alarmAt = due;
      this.alarm = setTimeout(this.onAlarm, Math.ceil(Math.max(0, due - now)));
    }
    return new Promise(this.sleep);
  }

  private outputs(element: AnyElement): Link[] {
    return this.links.filter((link) => link.from.element === element);
  }

  /** Calls an element and checks that every row it was given, or took, ended in exactly one place. */
  private conserve<T>(element: AnyElement, given: number, call: () => T): T {
    const outputs = this.outputs(element);
    const ends = () =>
      outputs.reduce((sum, link) => sum + link.count, element.sent + element.held) +
      Object.values(element.drops).reduce((sum, drop) => sum + drop.rows, 0);
    const before = ends();
    const taken = this.packets.used;
    const result = call();
    const expected = given + this.packets.used - taken;
    const ended = ends() - before;
    if (ended !== expected) {
      throw new ConservationError(`${element.name}: was given ${expected} packets and ended ${ended}`);
    }
    if (outputs.some((link) => link.bytesIn(this.packets) !== this.packets.lengthOf(link))) {
      throw new ConservationError(`${element.name}: passed on packets of other lengths than it said`);
    }
    const rows = outputs.flatMap((link) => [...link.rows.subarray(0, link.count)]);
    if (new Set(rows).size !== rows.length || rows.some((row) => row >= this.packets.used)) {
      throw new ConservationError(`${element.name}: passed a row on twice, or one that was never taken`);
    }
    return result;
  }
}

/** The inputs of one element that links lead to. */
function inletsOf(links: readonly Link[], gate: Gate | undefined): Inlet[] {
  const ports = [...new Set(links.map(({ to }) => to.port))];
  return ports.map(
    (port) =>
      new Inlet(
        links.filter(({ to }) => to.port === port),
        gate,
      ),
  );
}

/** Where each element brings packets in from, if it does. */
function sourcesOf({ flat, configs }: CheckedGraph, registry: Registry): ('live' | 'record' | undefined)[] {
  return flat.elements.map((element, i) => {
    const source = registry.get(element.class)?.spec.source;
    return typeof source === 'function' ? source(configs[i] as never) : source;
  });
}
