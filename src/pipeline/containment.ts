import type { FlatGraph } from './click/read.js';
import type { Registry } from './registry.js';
import { type Arrival, pathTo, Ways } from './ways.js';

/** A way on which containment fails. */
export interface Leak {
  /** What fails: packets of clones could leave without a licence, or come into another universe. */
  readonly kind: 'licence' | 'universe';
  /** Element numbers, from the farm to where its packets must not get. */
  readonly path: readonly number[];
  /** Why the licence of the guard on the way is none, if there is one. */
  readonly why: string | undefined;
}

/** Whether packets can leave the gateway at all. */
export function hasExit({ elements }: FlatGraph, registry: Registry): boolean {
  return elements.some((element) => registry.get(element.class)?.spec.containment?.role === 'exit');
}

/**
 * Proves that packets of clones leave only by the licensed output of an export policy, and that the policy knows what it
 * judges. So it must be on every way from a farm to an exit (a tunnel, a device), that
 *
 * - headers are read, and then a flow table is told by its inside that the packet is a clone's. Nothing else comes there, and
 *   nothing of a clone comes to its outside, where it would open flows that others may answer;
 * - the packet itself goes on to a guard in the same turn, unchanged, and the guard gets nothing but such packets of one table;
 * - it leaves the guard by the output that is licensed, once, and nothing is taken out of it after that.
 *
 * And no packet of a clone may be given another universe.
 * @param configs values of each element's keys
 * @returns the leaks; none means the graph is contained.
 */
export function findLeaks(
  graph: FlatGraph,
  registry: Registry,
  configs: readonly Readonly<Record<string, unknown>>[] = [],
): Leak[] {
  const ways = new Ways(graph, registry, configs);
  const doubts = { trackers: new Map<number, string>(), guards: new Map<number, string>() };
  doubtTrackers(ways, doubts);
  doubtGuards(ways, doubts);
  const leaks: Leak[] = [];
  for (const farm of ways.farms) {
    const found = new Set<number>();
    for (const arrival of ways.from(farm, doubts)) {
      const { element, standing } = arrival;
      const leaves = ways.role(element) === 'exit' && !standing.licensed;
      if ((!leaves && ways.effect(element) !== 'universe') || found.has(element)) continue;
      found.add(element);
      const path = pathTo(arrival);
      const guarded = path.some((each) => ways.role(each) === 'guard');
      leaks.push({ kind: leaves ? 'licence' : 'universe', path, why: guarded ? standing.lost : undefined });
    }
  }
  return leaks;
}

/** What is wrong, for the person who wrote the graph. */
export function describeLeak({ kind, why }: Leak, path: string): string {
  if (kind === 'universe') return `packets of clones could come into another universe: ${path}`;
  const help = why ?? 'let them pass the licensed output of an ExportPolicy';
  return `packets of clones could leave without a licence: ${path}; ${help}`;
}

/** Finds flow tables that are told wrongly where packets come from, or whose packets get other flows in the same turn. */
function doubtTrackers(ways: Ways, doubts: { trackers: Map<number, string>; guards: Map<number, string> }): void {
  const found = new Map<number, string>();
  const note = (element: number, why: string) => {
    if (!found.has(element)) found.set(element, why);
  };
  for (const [from, wrong, says] of [
    ...ways.farms.map((farm) => [farm, 'outside', 'takes packets of clones for packets from outside'] as const),
    ...ways.sources.map((source) => [source, 'inside', 'takes packets from elsewhere for packets of clones'] as const),
  ]) {
    for (const arrival of ways.from(from, doubts)) {
      const side = ways.side(arrival);
      if (side === undefined) continue;
      const name = ways.name(arrival.element);
      if (side === wrong) note(arrival.element, `${name} ${says}: ${told(ways, arrival)}`);
      const { seen } = arrival.standing;
      if (seen !== undefined)
        note(seen, `${name} gives packets of ${ways.name(seen)} other flows: ${told(ways, arrival)}`);
    }
  }
  for (const [element, why] of found) doubts.trackers.set(element, why);
}

/** Finds guards that get what they cannot judge: it could pass for something else that they judge in the same turn. */
function doubtGuards(ways: Ways, doubts: { trackers: ReadonlyMap<number, string>; guards: Map<number, string> }): void {
  const found = new Map<number, string>();
  const trackers = new Map<number, number>();
  for (const from of [...ways.farms, ...ways.sources]) {
    for (const arrival of ways.from(from, doubts)) {
      const { element, standing } = arrival;
      if (ways.role(element) !== 'guard' || found.has(element)) continue;
      const name = ways.name(element);
      const tracker = standing.tracker ?? -1;
      const other = trackers.get(element) ?? tracker;
      if (tracker < 0) found.set(element, `${name} cannot judge what comes by ${told(ways, arrival)}: ${standing.why}`);
      else if (other === tracker) trackers.set(element, tracker);
      else found.set(element, `${name} cannot tell the flows of ${ways.name(other)} and ${ways.name(tracker)} apart`);
    }
  }
  for (const [element, why] of found) doubts.guards.set(element, why);
}

const told = (ways: Ways, arrival: Arrival): string =>
  pathTo(arrival)
    .map((each) => ways.name(each))
    .join(' -> ');
