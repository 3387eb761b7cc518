import type { Budget } from './budget.js';
import type { Flat } from './flatten.js';
import { MAX_PORTS_OF_ELEMENT } from './ports.js';
import type { Wire } from './template.js';

/** A wire between elements; each end keeps the place where it is written. */
export type Joined = Wire;

/** Steps that joining may take: a wire passes each passage behind it once for every output that leads there. */
const MAX_STEPS = 5_000_000;

/** Joins the wires at passages, so that only wires between elements are left, each once, ordered by where they come from. */
export function joinWires({ nodes, wires }: Flat, budget: Budget): Joined[] {
  const leaving = new Map<number, Wire[]>();
  for (const wire of wires) {
    const key = portKey(wire.from.node, wire.from.port);
    const list = leaving.get(key);
    if (list) list.push(wire);
    else leaving.set(key, [wire]);
  }
  const joined: Joined[] = [];
  let steps = 0;
  for (const first of leaving.values()) {
    if (nodes[first[0]!.from.node]?.passage !== false) continue;
    const seen = new Set<number>();
    // Each wire with the one that left the element, which is where the connection is said to be.
    const queue = first.map((wire) => ({ wire, start: wire }));
    for (let i = 0; i < queue.length; i++) {
      if (++steps > MAX_STEPS) {
        budget.exceed('too many ways through compounds and groups');
        return joined;
      }
      const { wire, start } = queue[i]!;
      const target = portKey(wire.to.node, wire.to.port);
      if (seen.has(target)) continue;
      seen.add(target);
      if (!nodes[wire.to.node]!.passage) joined.push({ from: start.from, to: wire.to, position: start.position });
      else for (const next of leaving.get(target) ?? []) queue.push({ wire: next, start });
    }
  }
  return joined.sort(
    (a, b) => a.from.node - b.from.node || a.from.port - b.from.port || a.to.node - b.to.node || a.to.port - b.to.port,
  );
}

/** One number for a port of a node. */
export function portKey(node: number, port: number): number {
  return node * MAX_PORTS_OF_ELEMENT + port;
}
