/** Graphs of gateways, made at random from parts that belong together, and spoilt at random. */
import fc from 'fast-check';
import type { Look } from './bytes.js';
import { protocolOf } from './policy-data.js';

export interface Wire {
  readonly from: string;
  readonly output: number;
  readonly to: string;
  readonly input: number;
}

/** A graph as data. */
export interface GraphData {
  /** name :: class(config) */
  readonly elements: ReadonlyMap<string, string>;
  readonly wires: readonly Wire[];
  /** Names of its policies, tunnels and farms. */
  readonly guards: readonly string[];
  readonly tunnels: readonly string[];
  readonly farms: readonly string[];
  /** The policies that a packet must have passed which left by a tunnel; undefined if any of them may do. */
  readonly passed: ((packet: Look, tunnel: string) => readonly string[]) | undefined;
  /** How often a packet may leave that a clone has sent once. */
  readonly copies: number;
  readonly key: 'packet' | 'pair' | 'source';
  /** Whether packets come to clones, or leave, in tunnels of their own, which the oracle does not look into. */
  readonly wrapped: boolean;
  /** Whether one of its connections is not as it should be. */
  readonly spoilt: boolean;
}

const few = <T>(...values: readonly T[]) => fc.constantFrom(...values);

/** Elements that do nothing to packets that matters here: input 0, and all outputs lead on. */
const PLAIN = [
  'Counter',
  'CheckIPHeader',
  'ClampMSS(1400)',
  'Paint(3)',
  'IPClassifier(tcp, -)',
  'IPClassifier(-)',
  'IPFilter(allow all)',
  'Switch(0)',
  'RoundRobinSwitch',
  'HashSwitch(16, 4)',
  'RandomSample(0.95)',
  'Tee to nobody',
] as const;
/** Those that hold packets. */
const HOLDING = ['Queue', 'Queue(2)'] as const;

type Part = (typeof PLAIN)[number] | (typeof HOLDING)[number] | 'Tee twice';

const parts = fc.array(few<Part>(...PLAIN), { maxLength: 2 });
const chain = fc.oneof({ weight: 3, arbitrary: fc.constant<Part[]>([]) }, parts);
const holding = fc.oneof(
  { weight: 4, arbitrary: chain },
  fc.tuple(few<Part>(...HOLDING), parts).map(([first, rest]) => [first, ...rest]),
);
const sent = fc.oneof({ weight: 8, arbitrary: holding }, fc.constant<Part[]>(['Tee twice']));

/** Where parts are put in. */
const PLACES = {
  in: holding,
  known: chain,
  new: chain,
  sent,
  inside: chain,
  forward: holding,
  reflect: holding,
  redirect: holding,
} as const;
const places = fc.record(PLACES);

/** How clones' packets are divided among policies. */
const split = few('one', 'one', 'by protocol', 'in series', 'in turn' as const);

const gateway = fc.record({ split, places, tunnels: few(1, 1, 2), farms: few(1, 1, 2) });

const shape = fc.record({
  gateways: fc.oneof({ weight: 5, arbitrary: fc.tuple(gateway) }, fc.tuple(gateway, gateway)),
  key: few('pair' as const, 'pair' as const, 'source' as const, 'packet' as const),
  targets: few(0, 0, 1),
  filter: fc.boolean(),
});

class Builder {
  readonly elements = new Map<string, string>();
  readonly wires: Wire[] = [];
  readonly guards: string[] = [];
  readonly tunnels: string[] = [];
  readonly farms: string[] = [];
  copies = 1;
  private count = 0;

  add(name: string, declaration: string): string {
    this.elements.set(name, declaration);
    return name;
  }

  wire(from: string, output: number, to: string, input = 0): void {
    this.wires.push({ from, output, to, input });
  }

  /** Leads an output through parts to an input. */
  lead(from: string, output: number, chain: readonly Part[], to: string, input = 0): void {
    let at: [string, number] = [from, output];
    for (const part of chain) {
      const name = `p${this.count++}`;
      this.add(name, part.startsWith('Tee') ? 'Tee' : part);
      this.wire(...at, name);
      if (part === 'Tee to nobody') this.wire(name, 1, this.add(`${name}d`, 'Discard'));
      if (part === 'Tee twice') {
        this.copies *= 2;
        this.wire(name, 1, this.add(`${name}c`, 'Counter'));
        // The copies are packets of the clone like those that they are copies of.
        this.wire(`${name}c`, 0, to, input);
      }
      const outputs = { 'IPClassifier(tcp, -)': 2, RoundRobinSwitch: 2, 'HashSwitch(16, 4)': 2 }[part as string];
      if (outputs) {
        const join = this.add(`${name}j`, 'Counter');
        for (let port = 0; port < outputs; port++) this.wire(name, port, join);
        at = [join, 0];
      } else at = [name, 0];
    }
    this.wire(...at, to, input);
  }
}

const PORT = { known: 0, new: 1, stray: 2, inside: 3, outside: 0, fromInside: 1 } as const;
const OUT = { forward: 0, reflect: 1, redirect: 2, drop: 3 } as const;

type Shape = typeof shape extends fc.Arbitrary<infer T> ? T : never;

/** One gateway: tunnels, a flow table, farms and policies. */
function addGateway(
  builder: Builder,
  number: number,
  made: Shape['gateways'][number],
  { key, targets, filter }: Shape,
) {
  const name = (what: string) => `${what}${number}`;
  const { places } = made;
  builder.add(name('flows'), 'FlowTable(FLOWS 24, FRAGMENTS 4)');
  builder.add(name('scans'), `ScanFilter(TARGETS ${targets}, WINDOW 60s, SCANS 16)`);
  builder.add(name('universe'), `UniverseTagger(KEY ${key}, UNIVERSES 5)`);
  builder.add(name('bind'), 'Dispatcher(MAP a.map)');
  builder.add(name('nowhere'), 'Discard');

  const tunnels = Array.from({ length: made.tunnels }, (_, i) => `${name('tunnel')}_${i}`);
  for (const tunnel of tunnels) {
    builder.tunnels.push(builder.add(tunnel, 'GreTunnel(LOCAL 192.0.2.2, REMOTE 192.0.2.1)'));
    const check = builder.add(`${tunnel}check`, 'CheckIPHeader');
    builder.wire(tunnel, 0, check);
    const ours = builder.add(
      `${tunnel}ours`,
      filter ? 'IPFilter(allow dst net 10.99.0.0/16 && not src net 10.99.0.0/16)' : 'Counter',
    );
    builder.wire(check, 0, ours);
    builder.lead(ours, 0, places.in, name('flows'), PORT.outside);
  }

  const farms = Array.from({ length: made.farms }, (_, i) => `${name('farm')}_${i}`);
  for (const farm of farms) {
    builder.farms.push(builder.add(farm, 'CloneFarm(CLONES 6, BINDING 3, WAITING 2)'));
    const check = builder.add(`${farm}check`, 'CheckIPHeader');
    builder.wire(farm, 0, check);
    builder.lead(check, 0, places.sent, name('flows'), PORT.fromInside);
  }
  // Which of the farms plays an address.
  const home =
    farms.length === 1
      ? farms[0]!
      : builder.add(name('home'), 'IPClassifier(dst host 10.99.0.1 or dst host 198.51.100.1, -)');
  for (const [port, farm] of farms.length === 2 ? farms.entries() : []) builder.wire(home, port, farm);

  builder.lead(name('flows'), PORT.known, places.known, home);
  builder.lead(name('flows'), PORT.new, places.new, name('scans'));
  builder.wire(name('flows'), PORT.stray, name('nowhere'));
  builder.wire(name('scans'), 0, name('universe'));
  builder.wire(name('scans'), 1, name('nowhere'));
  builder.wire(name('universe'), 0, name('bind'));
  builder.wire(name('bind'), 0, home);
  builder.add(name('mirror'), 'Reflector');
  builder.wire(name('mirror'), 0, name('bind'));

  const exit = tunnels.length === 1 ? tunnels[0]! : builder.add(name('leads'), 'IPClassifier(udp, -)');
  for (const [port, tunnel] of tunnels.length === 2 ? tunnels.entries() : []) builder.wire(exit, port, tunnel);
  const guard = (suffix: string, leads: (from: string) => void): string => {
    const own = `${name('export')}_${suffix}`;
    builder.guards.push(builder.add(own, `ExportPolicy(POLICY ${own}.policy, DECISIONS 8, DESTINATIONS 16)`));
    leads(own);
    builder.lead(own, OUT.reflect, places.reflect, name('mirror'));
    builder.lead(own, OUT.redirect, places.redirect, home);
    builder.wire(own, OUT.drop, name('nowhere'));
    return own;
  };
  const out = (from: string) => builder.lead(from, OUT.forward, places.forward, exit);
  if (made.split === 'one') {
    const only = guard('a', out);
    builder.lead(name('flows'), PORT.inside, places.inside, only);
    return { tunnels, passed: () => [only] };
  }
  if (made.split === 'in series') {
    const second = guard('b', out);
    const first = guard('a', (from) => builder.wire(from, OUT.forward, second));
    builder.lead(name('flows'), PORT.inside, places.inside, first);
    return { tunnels, passed: () => [first, second] };
  }
  const [a, b] = [guard('a', out), guard('b', out)];
  const sort = builder.add(name('sort'), made.split === 'in turn' ? 'RoundRobinSwitch' : 'IPClassifier(tcp, -)');
  builder.lead(name('flows'), PORT.inside, places.inside, sort);
  builder.wire(sort, 0, a);
  builder.wire(sort, 1, b);
  const passed = (packet: Look) => [protocolOf(packet) === 'tcp' ? a : b];
  return { tunnels, passed: made.split === 'in turn' ? undefined : passed };
}

/** Graphs that are contained. */
export const graphData: fc.Arbitrary<GraphData> = shape.map((made) => {
  const builder = new Builder();
  const ends = made.gateways.map((each, i) => addGateway(builder, i, each, made));
  const passed = (packet: Look, tunnel: string) =>
    ends.find(({ tunnels }) => tunnels.includes(tunnel))!.passed!(packet);
  const { elements, wires, guards, tunnels, farms, copies } = builder;
  return {
    ...{ elements, wires, guards, tunnels, farms, copies, key: made.key, wrapped: false, spoilt: false },
    passed: ends.every((end) => end.passed) ? passed : undefined,
  };
});

/** In the language. What has lost its input gets one from which nothing comes. */
export function printGraph({ elements, wires }: GraphData): string {
  const declared = [...elements].map(([name, what]) => `${name} :: ${what};`);
  const connected = wires.map(({ from, output, to, input }) => `${from}[${output}] -> [${input}]${to};`);
  return [...declared, ...connected].join('\n');
}

/** A change by which a graph may cease to be contained. */
export type Spoil =
  | { readonly kind: 'rewire' | 'swap'; readonly wire: number; readonly other: number }
  | { readonly kind: 'insert'; readonly wire: number; readonly part: string };

export const spoil: fc.Arbitrary<Spoil> = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({ kind: few('rewire' as const, 'swap' as const), wire: fc.nat(), other: fc.nat() }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('insert' as const),
      wire: fc.nat(),
      part: few(
        'Queue',
        'Tee to nobody first',
        'GreDecap',
        'GreEncap(192.0.2.2, 192.0.2.1)',
        'UniverseTagger',
        'Reflector',
      ),
    }),
  },
);

/** Makes one connection lead elsewhere, or through something else. */
export function spoilt(graph: GraphData, change: Spoil): GraphData {
  const wires = [...graph.wires];
  const elements = new Map(graph.elements);
  const at = change.wire % wires.length;
  const wire = wires[at]!;
  if (change.kind === 'insert') {
    const tee = change.part.startsWith('Tee');
    elements.set('spoil', tee ? 'Tee' : change.part);
    if (tee) elements.set('spoild', 'Discard');
    wires[at] = { ...wire, to: 'spoil', input: 0 };
    wires.push({ from: 'spoil', output: tee ? 1 : 0, to: wire.to, input: wire.input });
    if (tee) wires.push({ from: 'spoil', output: 0, to: 'spoild', input: 0 });
  } else {
    const other = wires[change.other % wires.length]!;
    wires[at] = { ...wire, to: other.to, input: other.input };
    if (change.kind === 'swap') wires[change.other % wires.length] = { ...other, to: wire.to, input: wire.input };
  }
  // A farm that feeds itself confuses the engine's own count of rows, and nothing else.
  if (wires.some(({ from, to }) => from === to)) return graph;
  // What nothing leads to any more must still be connected.
  for (const { to, input } of graph.wires) {
    if (wires.some((each) => each.to === to && each.input === input)) continue;
    const idle = `idle${elements.size}`;
    elements.set(idle, 'Idle');
    wires.push({ from: idle, output: 0, to, input });
  }
  // Of a graph like that nothing is known but that each packet needs some licence.
  const wrapped = change.kind === 'insert' && change.part.startsWith('Gre');
  // Another tagger has the key that is usual.
  const tags = change.kind === 'insert' && change.part === 'UniverseTagger';
  const key = tags && graph.key === 'packet' ? 'pair' : graph.key;
  return { ...graph, key, elements, wires, passed: undefined, copies: graph.copies * 2, wrapped, spoilt: true };
}
