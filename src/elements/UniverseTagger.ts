import { Prefixes } from '../farm/prefixes.js';
import { type Universe, type UniverseKind, Universes } from '../farm/universes.js';
import type { Batch } from '../packet/batch.js';
import { HalfSipHash } from '../packet/half-siphash.js';
import { Table } from '../packet/table.js';
import { TurnKeys } from '../packet/turn-keys.js';
import { Element, type Setup } from '../pipeline/element.js';
import { seedBytes } from '../pipeline/seed.js';
import type { Spec } from '../pipeline/spec.js';
import { choice, count, custom, fraction } from '../pipeline/values.js';

const spec = {
  summary: 'gives each packet that opens a flow from outside its universe',
  inputs: { in: 'packets from outside that open a flow' },
  outputs: { out: 'the same packets, with a universe' },
  config: {
    key: choice(
      ['packet', 'pair', 'source'],
      'pair',
      'What shares a universe: nothing (each flow has its own), a source and its target, or all of a source.',
    ),
    open: custom(
      'all, none, or prefixes',
      Prefixes.none,
      'Targets whose universes are open: others who contact an address that a clone there has join it.',
      Prefixes.read,
      String,
    ),
    shared: fraction(0, 'Part of all sources that share one universe, whatever KEY and OPEN say.'),
    universes: count(65_536, 'Universes that may exist at once.', { min: 1 }),
  },
  drops: { full: 'as many universes exist as may, or no number is free for another one' },
  effect: 'universe',
  workers: ({ key, open, shared }: { readonly key: string; readonly open: Prefixes; readonly shared: number }) =>
    key === 'source' || shared > 0 || !open.isEmpty
      ? 'with KEY source, OPEN or SHARED a universe has addresses of other workers'
      : undefined,
} as const satisfies Spec;

/** The third words of keys, which no flow's number is. What all of a kind share has no address in its key. */
const [JOINED, OPEN, SHARED] = [-3, -2, -1];

/**
 * A universe is a copy of the address space, which holds all that one root packet caused. Two sources that contact the same
 * address find two machines there, in two universes, and the infections they bring never meet.
 *
 * An infection that needs company gets it in an **open** universe. There a new flow from outside for an address that a clone
 * has joins it, whoever sends it. The universe that KEY gives a packet comes first; then, of several open ones, that whose
 * clone has had the address longest. The **shared** universe takes all that a part of the sources sends; a source is in or out of
 * that part as long as the seed is the same. It ends with its last clone, as all do, and begins anew with the next
 * packet of such a source. Give it a policy of its own: see docs/policy.md, and config/policies/shared.policy.
 *
 * What a packet gets here is a number alone. The universe begins with its first clone and ends with its last one.
 *
 * @example
 *   FromDump(in.pcap) -> CheckIPHeader
 *     -> UniverseTagger(KEY source, OPEN 10.99.4.0/24 10.99.7.7, SHARED 1%) -> Discard;
 */
export class UniverseTagger extends Element<typeof spec> {
  static readonly spec = spec;
  private readonly universes: Universes;
  /** What shares a universe, and which one: an entry for each that exists. */
  private readonly table: Table;
  /** Universes begun here, each with its place in the table; -1 if it has none. */
  private readonly slots = new Map<Universe, number>();
  /** Keys of this turn, and the universe that each was promised. They get an entry if a clone is made. */
  private readonly fresh: TurnKeys;
  private readonly promised: Uint32Array;
  private promises = 0;
  /** Whether a flow of this turn has joined a universe that is not that of its key. */
  private joined = false;
  /** Universes that had begun when the last turn ended. */
  private begun = 0;
  private readonly hash: HalfSipHash;
  /** Sources whose hash is less share a universe. */
  private readonly sharers: number;
  private readonly bySource: boolean;
  private readonly byFlow: boolean;
  /** Whether no target's universes are open. */
  private readonly closed: boolean;

  constructor(setup: Setup<typeof spec>) {
    super(setup);
    const { universes: capacity, shared, key: by, open } = this.config;
    this.universes = this.services.shared(Universes);
    const seed = seedBytes(this.services.seed, this.name);
    this.table = new Table({ keyWords: 3, valueWords: 1, capacity, seed });
    this.fresh = new TurnKeys(seed.subarray(8));
    this.promised = new Uint32Array(this.fresh.words.length / 3);
    const key = new DataView(seed.buffer, seed.byteOffset);
    this.hash = new HalfSipHash(key.getUint32(0, true), key.getUint32(4, true));
    this.sharers = shared * 2 ** 32;
    this.bySource = by === 'source';
    this.byFlow = by === 'packet';
    this.closed = open.isEmpty;
    this.universes.onClose((universe) => this.forget(universe));
  }

  override push(batch: Batch): void {
    const { table } = this;
    const { slots, values, stride } = table;
    const { universe } = this.packets;
    const { out } = this.out;
    const { rows, count } = batch;
    const some = table.size > 0;
    if (some) this.lookup(batch);
    for (let i = 0; i < count; i++) {
      const row = rows[i]!;
      const slot = some ? slots[i]! : -1;
      const id = slot < 0 ? this.find(row) : values[slot * stride]!;
      if (id === 0) {
        this.drops.full.add(row);
        continue;
      }
      universe[row] = id;
      out.add(row);
    }
  }

  /** Finds the entries of those whose universe exists. */
  private lookup({ rows, count }: Batch): void {
    const { keys } = this.table;
    for (let i = 0; i < count; i++) {
      const row = rows[i]!;
      const third = this.third(row);
      keys[3 * i] = this.first(row, third);
      keys[3 * i + 1] = this.second(row, third);
      keys[3 * i + 2] = third;
    }
    this.table.lookup(count);
  }

  // The words of a packet's key. Signed, since a greater number could become an object.

  private third(row: number): number {
    const { packets, sharers, byFlow } = this;
    if (sharers > 0 && this.hash.word(packets.src[row]!) < sharers) return SHARED;
    // A flow's packets of one turn are one root packet; later ones belong to a known flow and do not come here.
    return byFlow ? packets.flow[row]! | 0 : 0;
  }

  private first(row: number, third: number): number {
    return third === SHARED ? 0 : this.packets.src[row]! | 0;
  }

  private second(row: number, third: number): number {
    return third === SHARED || this.bySource ? 0 : this.packets.dst[row]! | 0;
  }

  /** The universe that a packet joins, or may begin, since its key has none. 0 if there is no room. */
  private find(row: number): number {
    const { fresh, promised } = this;
    if (this.joined) {
      const joined = fresh.find(this.packets.flow[row]! | 0, 0, JOINED);
      if (joined >= 0) return promised[joined]!;
    }
    const c = this.third(row);
    const a = this.first(row, c);
    const b = this.second(row, c);
    const place = fresh.place(a, b, c);
    const known = fresh.numberAt(place);
    return known >= 0 ? promised[known]! : this.join(row, place, a, b, c);
  }

  /** @param place where its key would be among those of this turn */
  private join(row: number, place: number, a: number, b: number, c: number): number {
    const { packets, universes, fresh, promised } = this;
    if (c === SHARED) return this.promise(row, 'shared', place, a, b, c);
    if (universes.meets) {
      const open = universes.openTo(packets.dst[row]!);
      if (open) return this.follow(row, open.id);
    }
    if (this.closed || !this.config.open.has(packets.dst[row]!)) return this.promise(row, 'closed', place, a, b, c);
    // Whoever comes in the same turn joins what the first of them begins.
    const target = packets.dst[row]! | 0;
    const first = fresh.find(0, target, OPEN);
    if (first >= 0) return this.follow(row, promised[first]!);
    const id = this.promise(row, 'open', place, a, b, c);
    if (id !== 0) this.note(id, fresh.place(0, target, OPEN), 0, target, OPEN);
    return id;
  }

  /**
   * A packet joins a universe that another source began, and so do all packets of its flow in this turn, even if its source begins one
   * meanwhile.
   */
  private follow(row: number, id: number): number {
    const flow = this.packets.flow[row]! | 0;
    if (this.bySource && flow !== 0) {
      this.joined = true;
      this.note(id, this.fresh.place(flow, 0, JOINED), flow, 0, JOINED);
    }
    return id;
  }

  private promise(row: number, kind: UniverseKind, place: number, a: number, b: number, c: number): number {
    const { packets, universes, config } = this;
    if (this.slots.size + this.promises >= config.universes) return 0;
    const id = universes.promise(packets.src[row]! | 0, packets.dst[row]! | 0, kind);
    if (id === 0) return 0;
    this.promises++;
    this.note(id, place, a, b, c);
    return id;
  }

  private note(id: number, place: number, a: number, b: number, c: number): void {
    const number = this.fresh.addAt(place, a, b, c);
    if (number >= 0) this.promised[number] = id;
  }

  private forget(universe: Universe): void {
    const slot = this.slots.get(universe);
    if (slot === undefined) return;
    if (slot >= 0) this.table.remove(slot);
    this.slots.delete(universe);
  }

  override settle(): void {
    const { table, fresh, promised, universes, config } = this;
    const { keys, values, stride } = table;
    // In most turns no promise is kept.
    const count = universes.begun !== this.begun ? fresh.count : 0;
    this.begun = universes.begun;
    for (let i = 0; i < count; i++) {
      const kind = fresh.words[3 * i + 2]!;
      const universe = kind === OPEN || kind === JOINED ? undefined : universes.get(promised[i]!);
      if (!universe) continue;
      let slot = -1;
      // The number of a flow means something else in later turns.
      if (config.key !== 'packet' || kind === SHARED) {
        keys.set(fresh.words.subarray(3 * i, 3 * i + 3));
        table.upsert(1, 0);
        slot = table.slots[0]!;
        values[slot * stride] = universe.id;
      }
      this.slots.set(universe, slot);
    }
    fresh.clear();
    this.promises = 0;
    this.joined = false;
    universes.settle();
  }
}
