import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { elements } from '../src/elements/index.js';
import { type CheckedGraph, checkGraph } from '../src/pipeline/check.js';
import { formatDiagnostic } from '../src/pipeline/click/diagnostics.js';
import type { AnyElement } from '../src/pipeline/element.js';
import { Engine } from '../src/pipeline/engine.js';
import { Registry } from '../src/pipeline/registry.js';
import { Take } from './elements/Take.js';
import { threadTime } from './processor.js';
import type { Values } from './suite.js';

const GRAPHS = fileURLToPath(new URL('../../bench/graphs/', import.meta.url));

const registry = new Registry([...elements.names.map((name) => elements.get(name)!), Take]);

/**
 * The part of the packets that goes first, untimed. With them comes what happens once and not per packet: the tables' memory is
 * touched for the first time, and V8 compiles.
 */
export const FIRST = 0.1;

/** Turns between two looks at the heap. */
const TURNS = 64;

/** A graph that plays a capture, and what must come of it. */
export interface Chain {
  readonly graph: CheckedGraph;
  readonly packets: number;
  /** How many of them reach `counter`. */
  readonly counted: number;
  /** Flows in the table `flows` at the end, if there is one. */
  readonly flows?: number;
}

/** Reads a graph of bench/graphs. @throws Error with all that is wrong with it */
export function readChain(name: string, defines: Record<string, string>): CheckedGraph {
  const file = `${GRAPHS}${name}.click`;
  const { graph, diagnostics } = checkGraph({ file, text: readFileSync(file, 'utf8') }, registry, { defines });
  if (!graph) throw new Error(diagnostics.map(formatDiagnostic).join('\n'));
  return graph;
}

/** Makes the chain's engine, lets `play` run it to the end of the capture, and checks that the work was done. */
async function play<T>({ graph, counted, flows }: Chain, run: (engine: Engine) => T | Promise<T>): Promise<T> {
  const problems: string[] = [];
  const engine = new Engine(graph, registry, {
    seed: 1n,
    onEvent: (event) => event.kind === 'error' && problems.push(event.message),
  });
  // As in the gateway, where the control plane reads the counters.
  engine.stats.share();
  await engine.start();
  const result = await run(engine);
  const arrived = Number(engine.handlers.read('counter.count'));
  if (arrived !== counted) problems.push(`${arrived} packets were counted, not ${counted}`);
  if (flows !== undefined) {
    const held = engine.handlers
      .read('flows.flows')
      .match(/\d+/g)!
      .reduce((sum, number) => sum + Number(number), 0);
    if (held !== flows) problems.push(`${held} flows, not ${flows}`);
  }
  await engine.stop();
  if (problems.length > 0) throw new Error(problems.join('; '));
  return result;
}

/** Runs the engine to the end. @returns packets that were timed, and ns of processor time and by the wall for each */
async function clocked(
  engine: Engine,
  packets: number,
  begin = () => {},
): Promise<{ timed: number; processor: number; wall: number }> {
  const source = engine.links.find(({ from }) => from.element.className === 'FromDump')!;
  while (source.packets.value < packets * FIRST && engine.turn());
  begin();
  const timed = packets - source.packets.value;
  const [before, start] = [threadTime(), performance.now()];
  await engine.run();
  return { timed, wall: ((performance.now() - start) * 1e6) / timed, processor: (threadTime() - before) / timed };
}

/** One run: ns a packet, of processor time and by the clock on the wall, and the memory of the process (MB). */
export function timeChain(chain: Chain): Promise<Values> {
  return play(chain, async (engine) => {
    globalThis.gc?.();
    const { processor, wall } = await clocked(engine, chain.packets);
    return new Map([
      ['', processor],
      ['wall', wall],
      ['rss', process.memoryUsage.rss() / 1e6],
    ]);
  });
}

/** One run in which each call of an element is timed: ns a packet by class, and what is left for the engine. */
export function timeElements(chain: Chain): Promise<Values> {
  return play(chain, async (engine) => {
    const classes = [...new Set(engine.elements.map(({ className }) => className))];
    const spent = new Float64Array(classes.length);
    for (const element of engine.elements) {
      const place = classes.indexOf(element.className);
      for (const name of ['pull', 'push', 'settle'] as const) watch(element, name, spent, place);
    }
    const { timed, processor, wall } = await clocked(engine, chain.packets, () => spent.fill(0));
    // Calls are timed by the clock on the wall. Where others had the processor, they had it in proportion.
    const shares = classes.map((name, i): [string, number] => [name, ((spent[i]! / timed) * processor) / wall]);
    const rest = processor - shares.reduce((sum, [, share]) => sum + share, 0);
    return new Map([...shares, ['engine', rest]]);
  });
}

function watch(element: AnyElement, name: 'pull' | 'push' | 'settle', spent: Float64Array, place: number): void {
  const call = element[name] as ((...parameters: unknown[]) => unknown) | undefined;
  if (!call) return;
  const value = (...parameters: unknown[]) => {
    const start = performance.now();
    const result = call.apply(element, parameters);
    spent[place] = spent[place]! + (performance.now() - start) * 1e6;
    return result;
  };
  Object.defineProperty(element, name, { value });
}

/**
 * One run in which the JavaScript heap is watched: bytes allocated a packet, garbage or not, and KB that it has grown by
 * a million packets, after a collection of garbage.
 */
export function watchHeap(chain: Chain): Promise<Values> {
  return play(chain, (engine) => {
    // A replay has timers of its own and needs no event loop between turns.
    const turns = () => {
      let more = true;
      for (let i = 0; i < TURNS && more; i++) more = engine.turn();
      return more;
    };
    turns();
    globalThis.gc?.();
    const before = process.memoryUsage().heapUsed;
    let allocated = 0;
    for (let more = true, last = before; more; ) {
      more = turns();
      const now = process.memoryUsage().heapUsed;
      // Less than before: garbage was collected meanwhile.
      allocated += Math.max(0, now - last);
      last = process.memoryUsage().heapUsed;
    }
    globalThis.gc?.();
    const growth = process.memoryUsage().heapUsed - before;
    return new Map([
      ['allocated', allocated / chain.packets],
      ['growth', growth / 1024 / (chain.packets / 1e6)],
    ]);
  });
}
