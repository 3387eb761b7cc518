import type { Batch } from '../../src/packet/batch.js';
import type { Argument } from '../../src/pipeline/click/words.js';
import { Clock } from '../../src/pipeline/clock.js';
import { configure } from '../../src/pipeline/configure.js';
import { type AnyElement, Element, type ElementClass, type Setup } from '../../src/pipeline/element.js';
import { Engine } from '../../src/pipeline/engine.js';
import type { EngineEvent } from '../../src/pipeline/events.js';
import { KillSwitch } from '../../src/pipeline/kill-switch.js';
import { Registry } from '../../src/pipeline/registry.js';
import { isAnyPorts, type Spec } from '../../src/pipeline/spec.js';

const sourceSpec = {
  summary: 'gives what a test puts in',
  inputs: {},
  outputs: { out: 'packets' },
  config: {},
  drops: {},
} as const satisfies Spec;

const sinkSpec = {
  summary: 'keeps what comes out, for a test to see',
  inputs: { in: 'packets' },
  outputs: {},
  config: {},
  drops: { seen: 'seen' },
} as const satisfies Spec;

/** A packet as a test sees it: its bytes and all columns. */
export interface Seen {
  readonly bytes: Buffer;
  readonly [column: string]: number | Buffer;
}

export type Columns = Partial<Record<string, number>>;

class TestSource extends Element<typeof sourceSpec> {
  static readonly spec = sourceSpec;
  readonly queue: { bytes: Uint8Array; columns: Columns }[] = [];

  override pull(max: number): boolean {
    for (const { bytes, columns } of this.queue.splice(0, max)) {
      const row = this.packets.take();
      this.packets.bytes.set(bytes, this.packets.start[row]!);
      this.packets.length[row] = bytes.length;
      for (const [name, value] of Object.entries(columns)) {
        (this.packets as unknown as Record<string, Uint32Array>)[name]![row] = value!;
      }
      this.out.out.add(row);
    }
    return this.queue.length > 0;
  }
}

class TestSink extends Element<typeof sinkSpec> {
  static readonly spec = sinkSpec;
  readonly seen: Seen[] = [];

  override push(batch: Batch): void {
    for (const row of batch.rows.subarray(0, batch.count)) {
      const columns = Object.entries(this.packets)
        .filter(([name, column]) => ArrayBuffer.isView(column) && !['bytes', 'view'].includes(name))
        .map(([name, column]) => [name, (column as Uint32Array)[row]!]);
      this.seen.push({ ...Object.fromEntries(columns), bytes: Buffer.from(this.packets.packet(row)) });
    }
    this.drops.seen.addAll(batch);
  }
}

export interface Rig<E extends AnyElement> {
  readonly element: E;
  readonly engine: Engine;
  readonly clock: Clock;
  readonly events: EngineEvent[];
  readonly killSwitch: KillSwitch;
  /** Puts a packet into an input (a name or a number), with columns preset. It arrives at the next turn. */
  put(bytes: Uint8Array, columns?: Columns, input?: string | number): void;
  /** Runs turns until nothing moves, and returns what came out of each output since the last call. */
  run(): Record<string, Seen[]>;
  /** Moves the clock forward by some seconds. */
  wait(seconds: number): void;
}

export interface RigOptions {
  /** Ports to connect where the element takes any number. */
  inputs?: number;
  outputs?: number;
  folder?: string;
  now?: number;
  seed?: bigint;
  /** Folder of what outlives the run. */
  state?: string;
}

/**
 * One element on a test bench: sources on its inputs, sinks on its outputs, a clock that stands still until told,
 * and an engine that checks that no row is lost.
 * @param config the element's arguments as a graph would give them: 'TARGETS 1, WINDOW 60s'
 */
export function rig<E extends AnyElement>(
  Class: { readonly name: string; readonly spec: Spec; new (setup: Setup<never>): E },
  config = '',
  options: RigOptions = {},
): Rig<E> {
  const ports = (of: Spec['inputs'], any: number) =>
    isAnyPorts(of) ? Array.from({ length: any }, (_, i) => String(i)) : Object.keys(of);
  const inputs = ports(Class.spec.inputs, options.inputs ?? 1);
  const outputs = ports(Class.spec.outputs, options.outputs ?? 1);
  const position = { file: 'rig', line: 1, column: 1 };
  const args = (config === '' ? [] : config.split(',')).map(
    (text): Argument => ({ text: text.trim(), position }) as Argument,
  );
  const read = configure(Class.spec, Class.name, args, position, { folder: options.folder ?? '.' });
  if (read.diagnostics.length > 0) throw new Error(read.diagnostics.map(({ message }) => message).join('\n'));
  const wrong = Class.spec.validate?.(read.config, { inputs: inputs.length, outputs: outputs.length });
  if (wrong) throw new Error(`${Class.name}: ${wrong}`);

  const element = (name: string, className: string) => ({
    name,
    class: className,
    config: '',
    arguments: [],
    position,
  });
  const elements = [
    element('element', Class.name),
    ...inputs.map((name) => element(`source_${name}`, 'TestSource')),
    ...outputs.map((name) => element(`sink_${name}`, 'TestSink')),
  ];
  const connections = [
    ...inputs.map((_, port) => ({ from: { element: 1 + port, port: 0 }, to: { element: 0, port }, position })),
    ...outputs.map((_, port) => ({
      from: { element: 0, port },
      to: { element: 1 + inputs.length + port, port: 0 },
      position,
    })),
  ];
  const order = [...inputs.map((_, i) => 1 + i), 0, ...outputs.map((_, i) => 1 + inputs.length + i)];
  const graph = {
    flat: { elements, connections, requirements: [] },
    configs: elements.map((_, i) => (i === 0 ? read.config : {})),
    order,
  };
  const events: EngineEvent[] = [];
  const clock = new Clock({ virtual: true, now: options.now ?? 1_000_000 });
  const killSwitch = new KillSwitch();
  const registry = new Registry([Class as unknown as ElementClass, TestSource, TestSink]);
  const engine = new Engine(graph, registry, {
    seed: options.seed ?? 1n,
    ...(options.state !== undefined && { state: options.state }),
    clock,
    killSwitch,
    checked: true,
    onEvent: (event) => events.push(event),
  });
  const sources = engine.elements.filter((each) => each instanceof TestSource);
  const sinks = engine.elements.filter((each) => each instanceof TestSink);
  return {
    element: engine.elements[0] as E,
    engine,
    clock,
    events,
    killSwitch,
    put(bytes, columns = {}, input = 0) {
      const port = typeof input === 'number' ? input : inputs.indexOf(input);
      sources[port]!.queue.push({ bytes, columns });
    },
    run() {
      for (let turns = 0; engine.turn(); turns++) if (turns > 10_000) throw new Error('the element never rests');
      return Object.fromEntries(outputs.map((name, i) => [name, sinks[i]!.seen.splice(0)]));
    },
    wait: (seconds) => clock.advance(clock.now + seconds),
  };
}
