import { type Universe, Universes } from '../farm/universes.js';
import type { Batch } from '../packet/batch.js';
import { ROWS } from '../packet/columns.js';
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
  drops: { full: 'as many universes exist as may, or no number is free for another one' },
  effect: 'universe',
} as const satisfies Spec;

/**
 * A universe is a closed copy of the address space, which holds all that one root packet caused. Two sources that
 * contact the same address find two machines there, in two universes, and the infections they bring never meet.
 *
 * What a packet gets here is a number alone. The universe begins with its first clone and ends with its last one.
 *
 * @example
 *   FromDump(in.pcap) -> CheckIPHeader -> UniverseTagger(KEY source) -> Discard;
 */
export class UniverseTagger extends Element<typeof spec> {
  static readonly spec = spec;
  private readonly universes: Universes;
  /** What shares a universe, and which one: an entry for each that exists, or is promised. */
  private readonly table: Table;
  private readonly slots = new Map<Universe, number>();
  /** Entries of this turn. They end with it unless a clone was made. */
  private readonly fresh = new Int32Array(ROWS);
  private begun = 0;

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
    const { rows, count } = batch;
    for (let i = 0; i < count; i++) {
      const row = rows[i]!;
      keys[3 * i] = packets.src[row]!;
      keys[3 * i + 1] = key === 'source' ? 0 : packets.dst[row]!;
      // A flow's packets of one turn are one root packet; later ones belong to a known flow and do not come here.
      keys[3 * i + 2] = key === 'packet' ? packets.flow[row]! : 0;
    }
    table.upsert(count, 0);
    for (let i = 0; i < count; i++) {
      const row = rows[i]!;
      const slot = slots[i]!;
      const id = slot < 0 ? 0 : values[slot * stride]! || this.begin(row, slot);
      if (id === 0) {
        this.drops.full.add(row);
        continue;
      }
      packets.universe[row] = id;
      this.out.out.add(row);
    }
  }

  /** Promises the entry of a slot, which is new, a universe. 0 if there is none to promise. */
  private begin(row: number, slot: number): number {
    const { packets, universes, table } = this;
    const id = universes.promise(packets.src[row]!, packets.dst[row]!);
    table.values[slot * table.stride] = id;
    this.fresh[this.begun++] = slot;
    return id;
  }

  private forget(universe: Universe): void {
    const slot = this.slots.get(universe);
    if (slot !== undefined) this.table.remove(slot);
    this.slots.delete(universe);
  }

  override settle(): void {
    const { table, fresh, universes } = this;
    for (let i = 0; i < this.begun; i++) {
      const slot = fresh[i]!;
      const universe = universes.get(table.values[slot * table.stride]!);
      // The number of a flow means something else in later turns.
      if (universe && this.config.key !== 'packet') this.slots.set(universe, slot);
      else table.remove(slot);
    }
    this.begun = 0;
    universes.settle();
  }
}
