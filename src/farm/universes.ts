import type { Services } from '../pipeline/element.js';
import type { RuleCount } from './capture-record.js';
import type { Recording } from './recording.js';

/**
 * `binding`: asked for, and not ready. `live`: packets come and go. `quiet`: none have for a while. `captured`: it holds
 * still and is being captured; its address is another's. `gone`.
 */
export type CloneState = 'binding' | 'live' | 'quiet' | 'captured' | 'gone';

/** One running (or starting) machine, and why it exists. */
export interface CloneRecord {
  readonly id: number;
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
  /** When the first packet asked for it, by the engine's clock. */
  readonly born: number;
  state: CloneState;
  /** When a packet last came or went. */
  active: number;
  /** Flows it opened by itself. */
  opened: number;
  /** What policy decided about these, by rule and verdict. Undefined until it did. */
  verdicts?: Map<string, RuleCount>;
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
  /** The greatest depth any of its clones had. */
  depth: number;
}

/**
 * All universes of one data plane. Ids rise, and are not used again before 2^32 others were, so nothing that still refers
 * to a universe that is gone can mean another one. The caller bounds how many there are.
 */
export class Universes {
  private readonly services: Services;
  private readonly open = new Map<number, Universe>();
  private readonly listeners: ((universe: Universe) => void)[] = [];
  private last = 0;

  constructor(services: Services) {
    this.services = services;
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

  /** Begins a universe for a root packet. */
  create(source: number, target: number, kind: UniverseKind = 'closed'): Universe {
    // Packets have 32 bits for it.
    do this.last = (this.last + 1) >>> 0 || 1;
    while (this.open.has(this.last));
    const universe: Universe = {
      id: this.last,
      kind,
      source,
      target,
      born: this.services.clock.now,
      clones: new Map(),
      depth: 0,
    };
    this.open.set(universe.id, universe);
    this.services.event({ kind: 'universe', universe: universe.id, source, target });
    return universe;
  }

  /** Ends a universe. Flows and packets that name it find nothing from now on. */
  close(universe: Universe): void {
    if (!this.open.delete(universe.id)) return;
    for (const listener of this.listeners) listener(universe);
  }

  /** Calls back for every universe that ends. */
  onClose(listener: (universe: Universe) => void): void {
    this.listeners.push(listener);
  }
}
