import type { FlatGraph } from './click/read.js';
import type { Registry } from './registry.js';

/**
 * The order in which a turn runs the elements: each after all that feed it. A decoupled element fills its outputs
 * at the start of the turn, so what it feeds need not wait for it.
 * @returns the order, or the cycle (element numbers) that no decoupled element breaks.
 */
export function topologicalOrder(graph: FlatGraph, registry: Registry): { order: number[] } | { cycle: number[] } {
  const decoupled = graph.elements.map((element) => registry.get(element.class)?.spec.decoupled === true);
  const next = graph.elements.map(() => [] as number[]);
  for (const { from, to } of graph.connections) if (!decoupled[from.element]) next[from.element]!.push(to.element);

  const order: number[] = [];
  const state = graph.elements.map(() => 'new' as 'new' | 'open' | 'done');
  for (const start of state.keys()) {
    if (state[start] !== 'new') continue;
    state[start] = 'open';
    const path = [{ element: start, at: 0 }];
    while (path.length > 0) {
      const top = path.at(-1)!;
      const follower = next[top.element]![top.at++];
      if (follower === undefined) {
        state[top.element] = 'done';
        order.unshift(top.element);
        path.pop();
      } else if (state[follower] === 'open') {
        const from = path.findIndex(({ element }) => element === follower);
        return { cycle: path.slice(from).map(({ element }) => element) };
      } else if (state[follower] === 'new') {
        state[follower] = 'open';
        path.push({ element: follower, at: 0 });
      }
    }
  }
  return { order };
}
