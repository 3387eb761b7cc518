import { type Universe, Universes } from '../farm/universes.js';
import type { Batch } from '../packet/batch.js';
import { Table } from '../packet/table.js';
import { Element, type Setup } from '../pipeline/element.js';
import { seedBytes } from '../pipeline/seed.js';
import type { Spec } from '../pipeline/spec.js';
import { choice, count } from '../pipeline/values.js';

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
    universes: count(65_536, 'Universes that may exist at once.', { min: 1 }),
  },
  drops: { full: 'as many universes exist as may' },
} as const satisfies Spec;

/**
 * A universe is a closed copy of the address space, which holds all that one root packet caused. Two sources that
 * contact the same address find two machines there, in two universes, and the infections they bring never meet.
 *
 * Universes end with their last clone. Their ids are not used again.
 *
 * @example
 *   FromDump(in.pcap) -> CheckIPHeader -> UniverseTagger(KEY source) -> Discard;
 */
export class UniverseTagger extends Element<typeof spec> {
  static readonly spec = spec;
  private readonly universes: Universes;
  /** What shares a universe, and which one: an entry for each that exists. */
  private readonly table: Table;
  private readonly slots = new Map<Universe, number>();
  /** Universes begun in this turn, which end with it unless a clone is made for them. */
  private begun: Universe[] = [];

  constructor(setup: Setup<typeof spec>) {
    super(setup);
    this.universes = this.services.shared(Universes);
    const seed = seedBytes(this.services.seed, this.name);
    this.table = new Table({ keyWords: 3, valueWords: 1, capacity: this.config.universes, seed });
    this.universes.onClose((universe) => this.forget(universe));
  }

  override push(batch: Batch): void {
    const { packets, table } = this;
    const { key } = this.config;
    const { keys, slots, values, stride } = table;
    for (let i = 0; i < batch.count; i++) {
      const row = batch.rows[i]!;
      keys[3 * i] = packets.src[row]!;
      keys[3 * i + 1] = key === 'source' ? 0 : packets.dst[row]!;
      // A flow's packets of one turn are one root packet; later ones belong to a known flow and do not come here.
      keys[3 * i + 2] = key === 'packet' ? packets.flow[row]! : 0;
    }
    table.upsert(batch.count, 0);
    for (let i = 0; i < batch.count; i++) {
      const row = batch.rows[i]!;
      const slot = slots[i]!;
      if (slot < 0) {
        this.drops.full.add(row);
        continue;
      }
      const at = slot * stride;
      if (values[at] === 0) values[at] = this.begin(row, slot).id;
      packets.universe[row] = values[at]!;
      this.out.out.add(row);
    }
  }

  private begin(row: number, slot: number): Universe {
    const universe = this.universes.create(this.packets.src[row]!, this.packets.dst[row]!);
    this.slots.set(universe, slot);
    this.begun.push(universe);
    return universe;
  }

  private forget(universe: Universe): void {
    const slot = this.slots.get(universe);
    if (slot !== undefined) this.table.remove(slot);
    this.slots.delete(universe);
  }

  override settle(): void {
    for (const universe of this.begun) {
      if (universe.clones.size === 0) this.universes.close(universe);
      // The number of a flow means something else in later turns.
      if (this.config.key === 'packet') this.forget(universe);
    }
    this.begun = [];
  }
}
