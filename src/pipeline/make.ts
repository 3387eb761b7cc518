import type { Batch } from '../packet/batch.js';
import type { CheckedGraph } from './check.js';
import type { AnyElement, Drop, Services, Setup } from './element.js';
import { Link } from './link.js';
import type { Registry } from './registry.js';
import { dropsOf, isAnyPorts, type Ports, portNames, type Spec } from './spec.js';
import type { Counter, Stats } from './stats.js';

/** The row itself needs no care: the engine takes all rows back. */
class CountedDrop implements Drop {
  rows = 0;
  private readonly counter: Counter;

  constructor(counter: Counter) {
    this.counter = counter;
  }

  add(_row: number): void {
    this.rows++;
    this.counter.add(1);
  }

  addAll(batch: Batch): void {
    this.rows += batch.count;
    this.counter.add(batch.count);
  }

  lose(count: number): void {
    this.counter.add(count);
  }

  get value(): number {
    return this.counter.value;
  }
}

/** Makes the elements and links of a checked graph. */
export function makeGraph(
  { flat, configs }: CheckedGraph,
  registry: Registry,
  services: Services,
  stats: Stats,
): { elements: AnyElement[]; links: Link[] } {
  const elements = flat.elements.map(({ name, class: className, config }, i) => {
    const Class = registry.get(className)!;
    const setup: Setup = {
      name,
      className,
      configText: config,
      config: configs[i]!,
      input: numbering(Class.spec.inputs),
      ...numbers(name, Class.spec, stats),
      services,
    };
    return new Class(setup as Setup<never>);
  });
  const links = flat.connections.map(({ from, to }) => {
    const [source, target] = [elements[from.element]!, elements[to.element]!];
    const labels = {
      from: `${source.name}[${portLabel(registry.get(source.className)!.spec.outputs, from.port)}]`,
      to: `${target.name}[${portLabel(registry.get(target.className)!.spec.inputs, to.port)}]`,
    };
    return new Link(
      { element: source, port: from.port },
      { element: target, port: to.port },
      stats.counter('link_packets', 'packets that passed a link of the graph', labels),
      stats.counter('link_bytes', 'bytes that passed a link of the graph', labels),
    );
  });
  for (const element of elements) {
    const own = links.filter((link) => link.from.element === element).sort((a, b) => a.from.port - b.from.port);
    const names = portNames(registry.get(element.className)!.spec.outputs);
    const out = names === 'any' ? own : Object.fromEntries(own.map((link) => [names[link.from.port]!, link]));
    Object.defineProperty(element, 'out', { value: out });
  }
  return { elements, links };
}

function portLabel(ports: Ports, port: number): string {
  const names = portNames(ports);
  return names === 'any' ? String(port) : (names[port] ?? String(port));
}

function numbering(ports: Ports): Record<string, number> {
  return isAnyPorts(ports) ? {} : Object.fromEntries(Object.keys(ports).map((name, i) => [name, i]));
}

/** The counters of an element: drops by reason, and its metrics. */
function numbers(element: string, spec: Spec, stats: Stats): Pick<Setup, 'drops' | 'metrics'> {
  const drops = Object.keys(dropsOf(spec)).map((reason) => [
    reason,
    new CountedDrop(stats.counter('dropped_packets', 'packets dropped, by element and reason', { element, reason })),
  ]);
  const metrics = Object.entries(spec.metrics ?? {}).map(([name, metric]) => {
    const { label } = metric;
    if (!label) return [name, stats.metric(name, metric, { element })];
    return [
      name,
      Object.fromEntries(
        label.values.map((value) => [value, stats.metric(name, metric, { element, [label.name]: value })]),
      ),
    ];
  });
  return { drops: Object.fromEntries(drops), metrics: Object.fromEntries(metrics) };
}
