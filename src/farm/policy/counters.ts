import { native } from '../../native/addon.js';
import { Batch } from '../../packet/batch.js';
import { ROWS } from '../../packet/columns.js';
import type { Packets } from '../../packet/packets.js';
import type { Readings } from './decisions.js';
import { AddressLedger, type Ledger, NumberLedger, OneLedger, type Owner } from './ledger.js';
import { LEVELS, type Level, MOST_LIMITS } from './limits.js';
import type { Meter } from './meter.js';
import { Tallies } from './tallies.js';

/** Clones, and universes, that are counted for at once. */
const NUMBERS = 1 << 17;

/** In `looked`: not looked up. */
const UNKNOWN = -2;

/** Places of levels in LEVELS. */
const [CLONE, UNIVERSE, DESTINATION] = [
  LEVELS.indexOf('clone'),
  LEVELS.indexOf('universe'),
  LEVELS.indexOf('destination'),
];

/** Meters as native.tally() wants them: their levels, and for each of these slots, values, width and meters. */
interface Described {
  readonly levels: readonly number[];
  readonly parts: (Int32Array | Float64Array | number)[];
}

const PARTS = 4;
const NO_SLOTS = new Int32Array();

/** The counters of all quotas: bounded, and given up with the clone, the universe or the time that they are about. */
export class Counters {
  /** What the last admit() that failed came upon: the meter, how much of it is used, and whether this is told first. */
  over: Meter | undefined;
  used = 0;
  news = false;
  private readonly packets: Packets;
  private readonly destinations: number;
  private readonly seed: Uint8Array;
  private readonly clones = new NumberLedger(NUMBERS);
  private readonly universes = new NumberLedger(NUMBERS);
  private readonly farm = new OneLedger();
  /** By level. */
  private readonly tallies = LEVELS.map(() => new Tallies());
  /** There as soon as a limit counts by destination; keys are kept for the longest window of such a limit. */
  private addresses: AddressLedger | undefined;
  private seconds = 0;
  /** Slots of the destinations of rows that were looked up together, and which rows these are. */
  private readonly looked = new Int32Array(ROWS).fill(UNKNOWN);
  private readonly together = new Batch();
  /** By level, slots of keys that were looked for together. The farm is one key, whose slot is 0. */
  private readonly found = LEVELS.map(() => new Int32Array(ROWS));
  /** Of the meters that were last asked: the slot, and what was counted. */
  private readonly slots = new Int32Array(MOST_LIMITS);
  private readonly counts = new Float64Array(MOST_LIMITS);
  private readonly described = new Map<readonly Meter[], Described>();

  constructor(packets: Packets, destinations: number, seed: Uint8Array) {
    this.packets = packets;
    this.destinations = destinations;
    this.seed = seed;
  }

  private ledger(level: Level): Ledger | undefined {
    switch (level) {
      case 'clone':
        return this.clones;
      case 'universe':
        return this.universes;
      case 'destination':
        return this.addresses;
      case 'farm':
        return this.farm;
    }
  }

  /** From now on these are the meters. */
  install(meters: readonly Meter[]): void {
    const byDestination = meters.filter(({ limit }) => limit.level === 'destination');
    const seconds = Math.max(0, ...byDestination.map(({ limit }) => limit.seconds));
    if (seconds > this.seconds) {
      // No counter may be forgotten before its window is over, so all begin anew in a table that keeps them longer.
      this.seconds = seconds;
      this.addresses = new AddressLedger(this.destinations, seconds, this.seed);
      for (const meter of byDestination) meter.clearAll();
    }
    this.described.clear();
    for (const [place, level] of LEVELS.entries()) {
      const ofLevel = meters.filter(({ limit }) => limit.level === level);
      const ledger = this.ledger(level);
      if (ledger) ledger.meters = ofLevel;
      this.tallies[place]!.install(ofLevel);
    }
  }

  /** Forgets what was looked up for the rows of another batch. */
  begin(): void {
    const { looked, together } = this;
    for (let i = 0; i < together.count; i++) looked[together.rows[i]!] = UNKNOWN;
    together.clear();
  }

  /** Looks up the destinations of some rows together. Those of others are looked up alone, if need be. */
  look(batch: Batch, now: number): void {
    const { looked, together } = this;
    const { rows, count } = batch;
    if (count === 0) return;
    const slots = this.slotsOf(DESTINATION, batch, now);
    for (let i = 0; i < count; i++) {
      const row = rows[i]!;
      looked[row] = slots[i]!;
      together.add(row);
    }
  }

  /**
   * Counts packets of decided flows together, each if all of its meters have room for it: paid[row] is 1 then, else 0. The
   * same as admit() and add() for each, one after the other.
   * @param meters of packets and bytes alone
   */
  take(meters: readonly Meter[], batch: Batch, now: number, paid: Uint8Array): void {
    const { levels, parts } = this.described.get(meters) ?? this.describe(meters);
    for (let i = 0; i < levels.length; i++) {
      const level = levels[i]!;
      parts[PARTS * i] = this.slotsOf(level, batch, now);
      // Another array as soon as it has grown.
      parts[PARTS * i + 1] = this.tallies[level]!.values;
    }
    native.tally(this.packets.bytes, batch.rows, batch.count, now, paid, ...parts);
  }

  private describe(meters: readonly Meter[]): Described {
    const levels = [...new Set(meters.map(({ level }) => level))];
    const parts = levels.flatMap((level) => {
      const tallies = this.tallies[level]!;
      return [
        NO_SLOTS,
        tallies.values,
        tallies.width,
        tallies.describe(meters.filter((meter) => meter.level === level)),
      ];
    });
    const described = { levels, parts };
    this.described.set(meters, described);
    return described;
  }

  /** The slots of a batch's keys of one level; those of destinations are good until the next are looked for. */
  private slotsOf(level: number, { rows, count }: Batch, now: number): Int32Array {
    const { packets, found } = this;
    if (level === DESTINATION) {
      const { dst } = packets;
      const { keys } = this.addresses!;
      for (let i = 0; i < count; i++) keys[i] = dst[rows[i]!]!;
      return this.addresses!.many(count, now);
    }
    const slots = found[level]!;
    if (level === CLONE) for (let i = 0; i < count; i++) slots[i] = this.clones.slot(packets.clone[rows[i]!]!, now);
    if (level === UNIVERSE)
      for (let i = 0; i < count; i++) slots[i] = this.universes.slot(packets.universe[rows[i]!]!, now);
    return slots;
  }

  /**
   * Whether all of some meters have room for the packet in a row. Their slots are kept for add(), from a place on.
   * @param readings takes how each stands
   */
  admit(meters: readonly Meter[], at: number, row: number, now: number, owner?: Owner, readings?: Readings): boolean {
    let admitted = true;
    for (let i = 0; i < meters.length; i++) {
      const meter = meters[i]!;
      // Limits of one level are often next to each other.
      const slot =
        i > 0 && meter.level === meters[i - 1]!.level
          ? this.slots[at + i - 1]!
          : this.slot(meter.level, row, now, owner);
      this.slots[at + i] = slot;
      // Whoever finds no room for a counter has nothing left.
      const used = slot < 0 ? meter.limit.most : meter.count(slot, now);
      this.counts[at + i] = used;
      if (readings) readings.add(meter, used);
      if (slot >= 0 && meter.admits(slot, used, this.amount(meter, row))) continue;
      if (admitted) {
        this.over = meter;
        this.used = used;
        this.news = slot >= 0 && meter.tells(slot, now);
      }
      admitted = false;
    }
    return admitted;
  }

  /** Counts a packet that was admitted. */
  add(meters: readonly Meter[], at: number, row: number, now: number): void {
    for (let i = 0; i < meters.length; i++) {
      const meter = meters[i]!;
      meter.add(this.slots[at + i]!, now, this.counts[at + i]!, this.amount(meter, row));
    }
  }

  private amount({ limit }: Meter, row: number): number {
    switch (limit.measure) {
      case 'bytes':
        return this.packets.length[row]!;
      case 'destinations':
        return this.packets.dst[row]!;
      default:
        return 1;
    }
  }

  private slot(level: number, row: number, now: number, owner: Owner | undefined): number {
    const { packets } = this;
    switch (level) {
      case CLONE:
        return this.clones.slot(packets.clone[row]!, now, owner);
      case UNIVERSE:
        return this.universes.slot(packets.universe[row]!, now);
      case DESTINATION:
        return this.looked[row] !== UNKNOWN ? this.looked[row]! : this.addresses!.slot(packets.dst[row]!, now);
      default:
        return 0;
    }
  }

  endUniverse(id: number): void {
    this.universes.release(id);
  }

  /** Frees what nobody needs any more. */
  sweep(now: number): void {
    for (const level of LEVELS) this.ledger(level)?.sweep(now);
  }

  /** Keys of a level that are counted for now. */
  size(level: Level): number {
    return this.ledger(level)?.size ?? 0;
  }
}
