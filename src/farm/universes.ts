import { ROWS } from '../packet/columns.js';
import type { Services } from '../pipeline/element.js';
import type { RuleCount } from './capture-record.js';
import { CausalTree, Memory } from './causal-tree.js';
import type { Cause } from './cause.js';
import { Ids } from './ids.js';
import type { Evidence } from './monitor/evidence.js';
import type { Recording } from './recording.js';

/**
 * `binding`: asked for, and not ready. `live`: packets come and go. `quiet`: none have for a while. `captured`: it holds
 * still and is being captured; its address is another's. `gone`.
 */
export type CloneState = 'binding' | 'live' | 'quiet' | 'captured' | 'gone';

/** One running (or starting) machine, and why it exists. */
export interface CloneRecord {
  readonly id: number;
  /** The farm that its wire leads to. */
  readonly farm: object;
  readonly universe: Universe;
  /** The address that the world knows it by. */
  readonly address: number;
  /** The address that it has inside: the same, unless the gateway translates. */
  readonly inside: number;
  /** Number of its image. */
  readonly image: number;
  readonly mac: Uint8Array;
  /** The clone whose packet called for it, or undefined if a packet from outside did. It may be gone. */
  readonly parent: Pick<CloneRecord, 'id' | 'address'> | undefined;
  /** 1 if it was contacted from outside, else one more than its parent's. */
  readonly depth: number;
  /** When the first packet asked for it, by the engine's clock; and that packet. */
  readonly born: number;
  readonly cause: Cause;
  state: CloneState;
  /** When a packet last came or went. */
  active: number;
  /** Flows it opened by itself. */
  opened: number;
  /** Clones that its packets have called into being. */
  called: number;
  /** What policy decided about these, by rule and verdict. Undefined until it did. */
  verdicts?: Map<string, RuleCount>;
  /** What the monitor knows of it. */
  evidence?: Evidence;
  /** What goes over its wire, if that is recorded. */
  readonly recording?: Recording;
}

/** Rules that are counted for one clone. */
const RULES = 256;

/** Whether packets can be delivered to a clone. */
export const isUp = ({ state }: Pick<CloneRecord, 'state'>): boolean => state === 'live' || state === 'quiet';

/** Notes what policy decided about a flow that a clone opened. */
export function noteVerdict(clone: CloneRecord, rule: string, verdict: string): void {
  clone.verdicts ??= new Map();
  const key = `${rule} ${verdict}`;
  const { flows } = clone.verdicts.get(key) ?? { flows: 0 };
  if (flows > 0 || clone.verdicts.size < RULES) clone.verdicts.set(key, { rule, verdict, flows: flows + 1 });
}

/** What a universe is to the outside: closed to all but its root, open to several influences, or shared by strangers. */
export const UNIVERSE_KINDS = ['closed', 'open', 'shared'] as const;

export type UniverseKind = (typeof UNIVERSE_KINDS)[number];

/** A copy of the address space: all that was caused by one root packet. */
export interface Universe {
  readonly id: number;
  readonly kind: UniverseKind;
  /** Who sent the root packet, and to which address. */
  readonly source: number;
  readonly target: number;
  readonly born: number;
  /** Its clones by address: in a universe an address is one machine. */
  readonly clones: Map<number, CloneRecord>;
  /** Clones that it has had. */
  made: number;
  /** The greatest depth any of its clones had, and the highest score. */
  depth: number;
  score?: number;
  /** When it ended; undefined while it has not. */
  ended: number | undefined;
  readonly tree: CausalTree;
}

/** Packets that may begin universes: the number that each was promised, and its addresses. */
export interface Roots {
  readonly ids: Uint32Array;
  readonly sources: Uint32Array;
  readonly targets: Uint32Array;
}

/** Some of them that follow each other. */
interface Range {
  roots: Roots;
  from: number;
  to: number;
  kind: UniverseKind;
}

/**
 * All universes of one data plane. A root packet is promised a number; the universe comes into being with its first clone,
 * and ends with its last. Numbers of universes that are gone are not given again while anything may refer to them. The
 * caller bounds how many there are.
 */
export class Universes {
  readonly ids: Ids;
  /** Universes that have ended, and clones that are gone, as far as there is room. */
  readonly memory = new Memory<Universe>();
  private readonly services: Services;
  private readonly open = new Map<number, Universe>();
  private readonly listeners: ((universe: Universe) => void)[] = [];
  /** What was promised in this turn: the first `ranges` of these, which are used again in the next one. */
  private readonly promised: Range[] = [];
  private ranges = 0;
  /** Numbers in them. */
  private promises = 0;
  /** Universes that have begun so far. */
  begun = 0;
  /** The open universes that have a clone with an address, the one that has had it longest first. */
  private readonly meeting = new Map<number, Set<Universe>>();

  constructor(services: Services) {
    this.services = services;
    this.ids = new Ids(services.clock);
  }

  get size(): number {
    return this.open.size;
  }

  get(id: number): Universe | undefined {
    return this.open.get(id);
  }

  [Symbol.iterator](): IterableIterator<Universe> {
    return this.open.values();
  }

  /**
   * Gives root packets the numbers of the universes that they may begin within this turn.
   *
   * @param roots gets the numbers, in the places from `from` to below `to`, and stays as it is there until the turn is over
   * @returns the place behind the last packet that has got one: below `to` if there are no more to give
   */
  promise(roots: Roots, from: number, to: number, kind: UniverseKind): number {
    const end = this.ids.fill(roots.ids, from, Math.min(to, from + ROWS - this.promises), this.open);
    if (end === from) return end;
    this.promises += end - from;
    const last = this.ranges > 0 ? this.promised[this.ranges - 1]! : undefined;
    if (last?.roots === roots && last.to === from && last.kind === kind) {
      last.to = end;
      return end;
    }
    const range = this.promised[this.ranges++];
    if (range) {
      range.roots = roots;
      range.from = from;
      range.to = end;
      range.kind = kind;
    } else this.promised.push({ roots, from, to: end, kind });
    return end;
  }

  /** The universe of a number, which comes into being if it was promised in this turn. */
  enter(id: number): Universe | undefined {
    const known = this.open.get(id);
    if (known) return known;
    for (let i = 0; i < this.ranges; i++) {
      const { roots, from, to, kind } = this.promised[i]!;
      const at = roots.ids.subarray(from, to).indexOf(id) + from;
      if (at >= from) return this.begin(id, roots.sources[at]!, roots.targets[at]!, kind);
    }
    return undefined;
  }

  /** Begins a universe at once. @throws if no number is left */
  create(source: number, target: number, kind: UniverseKind = 'closed'): Universe {
    const id = this.ids.next(this.open);
    if (id === 0) throw new Error('no number is left for another universe');
    return this.begin(id, source, target, kind);
  }

  private begin(id: number, source: number, target: number, kind: UniverseKind): Universe {
    const { now: born } = this.services.clock;
    const tree = new CausalTree();
    const universe: Universe = {
      ...{ id, kind, source, target, born, tree },
      clones: new Map(),
      made: 0,
      depth: 0,
      ended: undefined,
    };
    this.open.set(id, universe);
    this.begun++;
    return universe;
  }

  /** Whether some open universe has a clone. */
  get meets(): boolean {
    return this.meeting.size > 0;
  }

  /** The open universe whose clone has had an address longest. Whoever contacts it from outside joins that. */
  openTo(address: number): Universe | undefined {
    const universes = this.meeting.get(address);
    if (!universes) return undefined;
    for (const universe of universes) return universe;
    return undefined;
  }

  /** A universe has a clone with an address. */
  occupy(universe: Universe, address: number): void {
    if (universe.kind !== 'open') return;
    const universes = this.meeting.get(address);
    if (universes) universes.add(universe);
    else this.meeting.set(address, new Set([universe]));
  }

  /** It has it no more. */
  vacate(universe: Universe, address: number): void {
    const universes = this.meeting.get(address);
    if (universes?.delete(universe) && universes.size === 0) this.meeting.delete(address);
  }

  /** The turn is over, and what was promised in it with it. */
  settle(): void {
    this.promises = this.ranges = 0;
  }

  /** Ends a universe. Flows and packets that name it find nothing from now on. */
  close(universe: Universe): void {
    if (!this.open.delete(universe.id)) return;
    this.ids.release(universe.id);
    universe.ended = this.services.clock.now;
    if (universe.made > 0) this.memory.add(universe);
    for (const listener of this.listeners) listener(universe);
  }

  /** Calls back for every universe that ends. */
  onClose(listener: (universe: Universe) => void): void {
    this.listeners.push(listener);
  }
}
