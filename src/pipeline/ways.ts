import type { FlatGraph } from './click/read.js';
import type { Registry } from './registry.js';
import { portNames, type Spec } from './spec.js';

/** What is known of a packet at some place of the graph. */
export interface Standing {
  /** It bears the address of the clone that sent it. */
  readonly own: boolean;
  /** Its columns are those of its headers. */
  readonly read: boolean;
  /** The flow table that has seen it in this turn. */
  readonly seen: number | undefined;
  /** The same, if that table knows that it is of a flow of a clone. If not, why. */
  readonly tracker: number | undefined;
  readonly why: string;
  readonly licensed: boolean;
  /** Why a licence that it had, or seemed to get, is none. */
  readonly lost: string | undefined;
}

/** A packet comes to an input of an element. */
export interface Arrival {
  readonly element: number;
  readonly port: number;
  readonly standing: Standing;
  readonly before: Arrival | undefined;
}

/** Flow tables and guards that cannot be relied on, and why. */
export interface Doubts {
  readonly trackers: ReadonlyMap<number, string>;
  readonly guards: ReadonlyMap<number, string>;
}

/** The elements by which a packet has come. */
export function pathTo(arrival: Arrival): number[] {
  const path: number[] = [];
  for (let at: Arrival | undefined = arrival; at; at = at.before) path.unshift(at.element);
  return path;
}

const FRESH: Standing = {
  own: true,
  read: false,
  seen: undefined,
  tracker: undefined,
  why: 'it has not passed a FlowTable by its inside',
  licensed: false,
  lost: undefined,
};

/** The ways that packets can take through a graph, and what becomes of them there. */
export class Ways {
  /** Elements that packets of clones come from, and all others from which packets come. */
  readonly farms: readonly number[];
  readonly sources: readonly number[];
  private readonly graph: FlatGraph;
  private readonly specs: readonly (Spec | undefined)[];
  private readonly outgoing: readonly FlatGraph['connections'][];
  /** For each element that records captures, those that play the same ones. */
  private readonly replays: ReadonlyMap<number, readonly number[]>;

  constructor(graph: FlatGraph, registry: Registry, configs: readonly Readonly<Record<string, unknown>>[]) {
    this.graph = graph;
    this.specs = graph.elements.map((element) => registry.get(element.class)?.spec);
    const outgoing = graph.elements.map((): FlatGraph['connections'] => []);
    for (const connection of graph.connections) outgoing[connection.from.element]!.push(connection);
    this.outgoing = outgoing;
    const all = [...graph.elements.keys()];
    this.farms = all.filter((element) => this.role(element) === 'farm');
    this.sources = all.filter((element) => {
      const spec = this.specs[element];
      const gives = spec?.source !== undefined || (spec && portNames(spec.inputs).length === 0);
      return gives && this.role(element) !== 'farm';
    });
    const files = (effect: string) => all.filter((element) => this.specs[element]?.effect === effect);
    const played = files('plays');
    const same = (a: number, b: number) => configs[a]?.['filename'] === configs[b]?.['filename'];
    this.replays = new Map(files('records').map((file) => [file, played.filter((other) => same(file, other))]));
  }

  name(element: number): string {
    return this.graph.elements[element]!.name;
  }

  role(element: number): 'farm' | 'exit' | 'guard' | undefined {
    return this.specs[element]?.containment?.role;
  }

  effect(element: number): Spec['effect'] {
    return this.specs[element]?.effect;
  }

  /** The side of a flow table that an input is. */
  side({ element, port }: Pick<Arrival, 'element' | 'port'>): 'outside' | 'inside' | undefined {
    const effect = this.effect(element);
    const name = portNames(this.specs[element]!.inputs)[port];
    return typeof effect === 'object' && (name === 'outside' || name === 'inside') ? name : undefined;
  }

  /** Where packets come to that leave an element, nearest first, and how they stand there. */
  *from(element: number, doubts: Doubts): Generator<Arrival> {
    const known = new Set<string>();
    const todo: Arrival[] = [];
    const go = (to: { element: number; port: number }, standing: Standing, before: Arrival) => {
      const { own, read, seen, tracker, licensed, lost } = standing;
      const key = [to.element, to.port, own, read, seen, tracker, licensed, lost !== undefined].join();
      if (known.has(key)) return;
      known.add(key);
      todo.push({ element: to.element, port: to.port, standing, before });
    };
    const own = this.role(element) === 'farm';
    const origin: Arrival = { element, port: -1, standing: { ...FRESH, own }, before: undefined };
    for (const { to } of this.outgoing[element]!) go(to, origin.standing, origin);
    for (let arrival = todo.shift(); arrival; arrival = todo.shift()) {
      yield arrival;
      const role = this.role(arrival.element);
      // There it ends; what comes out is another packet.
      if (role === 'farm' || role === 'exit') continue;
      for (const { from, to } of this.outgoing[arrival.element]!) {
        const standing = this.pass(arrival, from.port, doubts);
        if (standing) go(to, standing, arrival);
      }
      for (const player of this.replays.get(arrival.element) ?? []) {
        const why = `${this.name(player)} plays again what ${this.name(arrival.element)} has recorded`;
        const again: Arrival = { element: player, port: -1, standing: spoilt(arrival.standing, why), before: arrival };
        for (const { to } of this.outgoing[player]!) go(to, again.standing, again);
      }
    }
  }

  /** What is known of a packet that leaves by an output. Undefined if it cannot leave by that. */
  private pass(arrival: Arrival, output: number, doubts: Doubts): Standing | undefined {
    const { element, standing } = arrival;
    const spec = this.specs[element];
    const name = this.name(element);
    if (spec?.containment?.role === 'guard') {
      if (portNames(spec.outputs)[output] !== spec.containment.licenses)
        return { ...spoilt(standing, `${name} has refused it`), lost: undefined };
      const lost = doubts.guards.get(element);
      return lost === undefined ? { ...standing, licensed: true } : { ...standing, lost };
    }
    switch (spec?.effect) {
      case 'reads':
        return { ...standing, read: true };
      case 'straight':
        if (output !== arrival.port) return undefined;
        return standing.licensed ? standing : spoilt(standing, `${name} puts what it carries into other packets`);
      case 'wraps':
        return standing.licensed ? standing : spoilt(standing, `${name} puts another header before it`);
      case 'unwraps':
        return spoilt(standing, `${name} takes out of it what nobody has judged`);
      case 'copies': {
        // The first output gets the packets themselves. A copy has all that they have, but is not what was licensed.
        const why = `${name} may have copied it`;
        const { own, read } = standing;
        return output === 0 ? standing : { ...spoilt(standing, why), own, read };
      }
    }
    if (typeof spec?.effect === 'object') return this.track(arrival, spec, output, doubts);
    if (spec?.decoupled !== true) return standing;
    return untracked({ ...standing, seen: undefined }, `${name} holds it for a later turn`);
  }

  private track(arrival: Arrival, { effect, outputs }: Spec, output: number, doubts: Doubts): Standing | undefined {
    const { element, standing } = arrival;
    const side = this.side(arrival);
    const name = portNames(outputs)[output]!;
    if (typeof effect !== 'object' || side === undefined || !effect.tracks[side].includes(name)) return undefined;
    const seen = { ...standing, seen: element };
    const doubt = doubts.trackers.get(element);
    if (doubt !== undefined) return untracked(seen, doubt);
    if (standing.seen !== undefined)
      return untracked(seen, `it has passed ${this.name(standing.seen)} before ${this.name(element)}`);
    if (!standing.own) return untracked(seen, standing.why);
    if (!standing.read) return untracked(seen, `its headers are not read before ${this.name(element)}`);
    if (name !== effect.tracked) return untracked(seen, `it left ${this.name(element)} by '${name}'`);
    return { ...seen, tracker: element, why: '' };
  }
}

const untracked = (standing: Standing, why: string): Standing => ({ ...standing, tracker: undefined, why });

/** Nothing that was found out about it holds any more. */
const spoilt = ({ seen, licensed, lost }: Standing, why: string): Standing => ({
  ...{ own: false, read: false, seen, tracker: undefined, why, licensed: false },
  lost: licensed ? why : lost,
});
