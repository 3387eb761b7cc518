import { dirname } from 'node:path';
import type { Diagnostic } from './click/diagnostics.js';
import { type FlatGraph, type ReadOptions, readGraph } from './click/read.js';
import { configure } from './configure.js';
import { describeLeak, findLeaks } from './containment.js';
import { topologicalOrder } from './order.js';
import type { Registry } from './registry.js';
import type { ConfigOf, Spec } from './spec.js';

/** A graph in which nothing is wrong, ready to be made. */
export interface CheckedGraph {
  readonly flat: FlatGraph;
  /** Values of each element's keys. */
  readonly configs: readonly ConfigOf<Spec>[];
  /** Element numbers in the order in which a turn runs them. */
  readonly order: readonly number[];
}

export interface Source {
  readonly file: string;
  readonly text: string;
}

/**
 * Reads a graph and checks all there is to check before it runs: syntax, connections, configuration, cycles,
 * containment.
 * @returns all that is wrong, and the graph if no error is among it.
 */
export function checkGraph(
  source: Source,
  registry: Registry,
  options: Omit<ReadOptions, 'findClass' | 'classNames'> = {},
): { graph?: CheckedGraph; diagnostics: Diagnostic[] } {
  const { graph: flat, diagnostics } = readGraph(source, {
    ...options,
    findClass: registry.find,
    classNames: () => registry.names,
  });
  const context = { folder: dirname(source.file) };
  const ports = (element: number, end: 'from' | 'to') =>
    flat.connections.reduce((most, { [end]: at }) => Math.max(most, at.element === element ? at.port + 1 : 0), 0);
  const configs = flat.elements.map((element, number) => {
    const known = registry.get(element.class);
    if (!known) return {} as ConfigOf<Spec>;
    const read = configure(known.spec, element.class, element.arguments, element.position, context);
    diagnostics.push(...read.diagnostics);
    const wrong =
      read.diagnostics.length === 0 &&
      known.spec.validate?.(read.config, { inputs: ports(number, 'to'), outputs: ports(number, 'from') });
    if (wrong) {
      diagnostics.push({ position: element.position, severity: 'error', message: `${element.class}: ${wrong}` });
    }
    return read.config as ConfigOf<Spec>;
  });

  // Where packets go can only be followed through elements that are known.
  if (flat.elements.some((element) => !registry.get(element.class))) return { diagnostics };
  const path = (elements: readonly number[]) => elements.map((element) => flat.elements[element]!.name).join(' -> ');
  const sorted = topologicalOrder(flat, registry);
  if ('cycle' in sorted) {
    diagnostics.push({
      position: flat.elements[sorted.cycle[0]!]!.position,
      severity: 'error',
      message: `packets would run in a circle: ${path([...sorted.cycle, sorted.cycle[0]!])}; put an element that holds packets, such as Queue, into it`,
    });
  }
  for (const leak of findLeaks(flat, registry, configs)) {
    const { position } = flat.elements[leak.path[0]!]!;
    diagnostics.push({ position, severity: 'error', message: describeLeak(leak, path(leak.path)) });
  }
  if ('cycle' in sorted || diagnostics.some(({ severity }) => severity === 'error')) return { diagnostics };
  return { graph: { flat, configs, order: sorted.order }, diagnostics };
}
