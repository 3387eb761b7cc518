import { Prefixes } from '../farm/prefixes.js';
import { type Universe, type UniverseKind, Universes } from '../farm/universes.js';
import type { Batch } from '../packet/batch.js';
import { HalfSipHash } from '../packet/half-siphash.js';
import { Table } from '../packet/table.js';
import { TurnKeys } from '../packet/turn-keys.js';
import { KEY_BY, NONE, SHARED, UniverseKeys } from '../packet/universe-keys.js';
import { Element, type Setup } from '../pipeline/element.js';
import { passMarked } from '../pipeline/marked.js';
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

/** The third words of keys that packets of this turn have met by: the flow that has joined a universe, and the open target. */
const [JOINED, OPEN] = [0, 1];

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
  /** Keys of this turn, and the universe that each was promised, 0 if none. They get an entry if a clone is made. */
  private readonly fresh: UniverseKeys;
  /** How else packets of this turn have met, and in which universe. */
  private readonly met: TurnKeys;
  private promises = 0;
  /** Whether a flow of this turn has joined a universe that is not that of its key. */
  private joined = false;
  /** Universes that had begun when the last turn ended. */
  private begun = 0;
  private readonly hash: HalfSipHash;
  /** Sources whose hash is less share a universe. */
  private readonly sharers: number;
  private readonly bySource: boolean;
  /** Whether no target's universes are open. */
  private readonly closed: boolean;

  constructor(setup: Setup<typeof spec>) {
    super(setup);
    const { universes: capacity, shared, key: by, open } = this.config;
    this.universes = this.services.shared(Universes);
    const seed = seedBytes(this.services.seed, this.name);
    this.table = new Table({ keyWords: 3, valueWords: 1, capacity, seed, batch: 1 });
    this.fresh = new UniverseKeys(KEY_BY[by]);
    this.met = new TurnKeys(seed.subarray(8));
    const key = new DataView(seed.buffer, seed.byteOffset);
    this.hash = new HalfSipHash(key.getUint32(0, true), key.getUint32(4, true));
    this.sharers = shared * 2 ** 32;
    this.bySource = by === 'source';
    this.closed = open.isEmpty;
    this.universes.onClose((universe) => this.forget(universe));
  }

  override push(batch: Batch, _input: number, bytes: number): void {
    const { fresh } = this;
    const { numbers, ids } = fresh;
    const { universe } = this.packets;
    const { out } = this.out;
    const { rows, count } = batch;
    if (this.sharers > 0) this.findSharers(batch);
    const first = fresh.count;
    fresh.read(this.packets, batch, this.table);
    const plain = this.isPlain;
    // As join() would promise them one after the other.
    if (plain) this.promise(first, fresh.count, 'closed');
    let refused = 0;
    for (let i = 0; i < count; i++) {
      const row = rows[i]!;
      if (universe[row] !== 0) continue;
      const number = numbers[i]!;
      const promised = plain ? ids[number]! : 0;
      const id = promised !== 0 ? promised : this.find(row, number);
      universe[row] = id;
      if (id === 0) refused++;
    }
    if (refused === 0) out.moveAll(batch, bytes);
    else passMarked(universe, batch, this.drops.full, out);
  }

  private findSharers({ rows, count }: Batch): void {
    const { hash, sharers } = this;
    const { shared } = this.fresh;
    const { src } = this.packets;
    for (let i = 0; i < count; i++) shared[i] = hash.word(src[rows[i]!]!) < sharers ? 1 : 0;
  }

  /** Whether each key has a closed universe of its own now: no packet can join what one of another key began. */
  private get isPlain(): boolean {
    return this.closed && this.sharers === 0 && !this.joined && !this.universes.meets;
  }

  /**
   * The universe that a packet joins, or may begin, since the table does not have its key. 0 if there is no room.
   * @param number its key's of this turn, NONE if there was no room for it
   */
  private find(row: number, number: number): number {
    if (this.joined) {
      const joined = this.met.find(this.packets.flow[row]! | 0, 0, JOINED);
      if (joined >= 0) return this.met.values[joined]!;
    }
    const promised = this.fresh.ids[number]!;
    return promised !== 0 ? promised : this.join(row, number);
  }

  private join(row: number, number: number): number {
    const { packets, universes, fresh, met } = this;
    if (number === NONE) return 0;
    if (fresh.words[3 * number + 2] === SHARED) return this.begin(row, number, 'shared');
    if (universes.meets) {
      const open = universes.openTo(packets.dst[row]!);
      if (open) return this.follow(row, open.id);
    }
    if (this.closed || !this.config.open.has(packets.dst[row]!)) return this.begin(row, number, 'closed');
    // Whoever comes in the same turn joins what the first of them begins.
    const target = packets.dst[row]! | 0;
    const first = met.find(0, target, OPEN);
    if (first >= 0) return this.follow(row, met.values[first]!);
    const id = this.begin(row, number, 'open');
    if (id !== 0) this.note(id, 0, target, OPEN);
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
      this.note(id, flow, 0, JOINED);
    }
    return id;
  }

  private note(id: number, a: number, b: number, c: number): void {
    const number = this.met.add(a, b, c);
    if (number >= 0) this.met.values[number] = id;
  }

  /** The universe that a packet's key is promised. 0 if there is no room. */
  private begin(row: number, number: number, kind: UniverseKind): number {
    const { packets, fresh } = this;
    // An earlier packet of the key may have joined another universe.
    fresh.sources[number] = packets.src[row]!;
    fresh.targets[number] = packets.dst[row]!;
    this.promise(number, number + 1, kind);
    return fresh.ids[number]!;
  }

  /** Promises a universe to each key of a range, as long as there is room. */
  private promise(from: number, to: number, kind: UniverseKind): void {
    const room = this.config.universes - this.slots.size - this.promises;
    const end = this.universes.promise(this.fresh, from, Math.min(to, from + Math.max(0, room)), kind);
    this.promises += end - from;
  }

  private forget(universe: Universe): void {
    const slot = this.slots.get(universe);
    if (slot === undefined) return;
    if (slot >= 0) this.table.remove(slot);
    this.slots.delete(universe);
  }

  override settle(): void {
    const { table, fresh, met, universes, config } = this;
    const { keys, values, stride } = table;
    // In most turns no promise is kept.
    const count = universes.begun !== this.begun ? fresh.count : 0;
    this.begun = universes.begun;
    for (let i = 0; i < count; i++) {
      const universe = universes.get(fresh.ids[i]!);
      if (!universe) continue;
      let slot = -1;
      // The number of a flow means something else in later turns.
      if (config.key !== 'packet' || fresh.words[3 * i + 2] === SHARED) {
        keys.set(fresh.words.subarray(3 * i, 3 * i + 3));
        table.upsert(1, 0);
        slot = table.slots[0]!;
        values[slot * stride] = universe.id;
      }
      this.slots.set(universe, slot);
    }
    fresh.clear();
    met.clear();
    this.promises = 0;
    this.joined = false;
    universes.settle();
  }
}
