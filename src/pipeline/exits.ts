import type { FlatGraph } from './click/read.js';
import type { Registry } from './registry.js';

/** An exit that packets of clones reach with a licence. Elements are known by their numbers. */
export interface GuardedExit {
  readonly exit: number;
  /** Whose licence: the last guard on the way. */
  readonly guard: number;
  /** The last element on the way that puts a header of its own before the packets, if one does. */
  readonly wrapping: number | undefined;
}

/** Follows what guards license to the exits. One is told once for each guard, and each element that wraps. */
export function guardedExits(graph: FlatGraph, registry: Registry): GuardedExit[] {
  const specs = graph.elements.map((element) => registry.get(element.class)?.spec);
  const outgoing = graph.elements.map((_, element) => graph.connections.filter(({ from }) => from.element === element));
  const found: GuardedExit[] = [];
  for (const [guard, spec] of specs.entries()) {
    const role = spec?.containment;
    if (role?.role !== 'guard') continue;
    const names = registry.find(graph.elements[guard]!.class)?.outputs;
    const licensed = names === undefined || names === 'any' ? -1 : names.indexOf(role.licenses);
    const ways = outgoing[guard]!.filter(({ from }) => from.port === licensed);
    const todo = ways.map(({ to }): [number, number | undefined] => [to.element, undefined]);
    const seen = new Set<string>();
    for (let way = todo.shift(); way !== undefined; way = todo.shift()) {
      const [element, before] = way;
      if (seen.has(way.join())) continue;
      seen.add(way.join());
      const next = specs[element];
      const wrapping = next?.effect === 'wraps' ? element : before;
      if (next?.containment?.role === 'exit') found.push({ exit: element, guard, wrapping });
      // What enters a farm comes to an end, and what enters another guard is licensed anew.
      else if (!next?.containment) for (const { to } of outgoing[element]!) todo.push([to.element, wrapping]);
    }
  }
  return found;
}
