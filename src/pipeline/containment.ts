import type { FlatGraph } from './click/read.js';
import type { Registry } from './registry.js';

/** A way by which a clone's packets could leave without a licence: element numbers, from the farm to the exit. */
export type Leak = readonly number[];

/**
 * Proves that packets of clones leave only by a licensed output of an export policy: every path from a farm to
 * an exit (a tunnel, a device) must pass a guard, and leave it by the output that the guard licenses.
 * @returns the leaks; none means the graph is contained.
 */
export function findLeaks(graph: FlatGraph, registry: Registry): Leak[] {
  const roles = graph.elements.map((element) => registry.get(element.class)?.spec.containment);
  const outgoing = graph.elements.map((_, element) => graph.connections.filter(({ from }) => from.element === element));
  const licensed = (element: number, port: number): boolean => {
    const role = roles[element];
    if (role?.role !== 'guard') return false;
    const names = registry.find(graph.elements[element]!.class)?.outputs;
    return names !== 'any' && names?.[port] === role.licenses;
  };

  const leaks: Leak[] = [];
  for (const [farm, role] of roles.entries()) {
    if (role?.role !== 'farm') continue;
    const cameFrom = new Map<number, number>([[farm, -1]]);
    const todo = [farm];
    for (let element = todo.shift(); element !== undefined; element = todo.shift()) {
      for (const { from, to } of outgoing[element]!) {
        if (licensed(element, from.port)) continue;
        if (cameFrom.has(to.element)) continue;
        cameFrom.set(to.element, element);
        if (roles[to.element]?.role === 'exit') {
          const path = [to.element];
          for (let at = element; at !== -1; at = cameFrom.get(at)!) path.unshift(at);
          leaks.push(path);
        } else todo.push(to.element);
      }
    }
  }
  return leaks;
}
