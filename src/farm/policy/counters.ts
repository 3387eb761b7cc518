import { ROWS } from '../../packet/columns.js';
import type { Packets } from '../../packet/packets.js';
import type { Readings } from './decisions.js';
import { AddressLedger, type Ledger, NumberLedger, OneLedger, type Owner } from './ledger.js';
import { LEVELS, type Level, MOST_LIMITS } from './limits.js';
import type { Meter } from './meter.js';

/** Clones, and universes, that are counted for at once. */
const NUMBERS = 1 << 17;

/** In `looked`: not looked up. */
const UNKNOWN = -2;

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
  /** There as soon as a limit counts by destination; keys are kept for the longest window of such a limit. */
  private addresses: AddressLedger | undefined;
  private seconds = 0;
  /** Slots of the destinations of rows that were looked up together; rows that were waiting for that. */
  private readonly looked = new Int32Array(ROWS).fill(UNKNOWN);
  private readonly wanted = new Uint16Array(ROWS);
  private waiting = 0;
  /** Of the meters that were last asked: the slot, and what was counted. */
  private readonly slots = new Int32Array(MOST_LIMITS);
  private readonly counts = new Float64Array(MOST_LIMITS);

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
    for (const level of LEVELS) {
      const ledger = this.ledger(level);
      if (ledger) ledger.meters = meters.filter(({ limit }) => limit.level === level);
    }
  }

  /** A row's destination will be looked up with others', or has to be looked up alone. */
  expect(row: number, together: boolean): void {
    this.looked[row] = UNKNOWN;
    if (!together) return;
    this.addresses!.keys[this.waiting] = this.packets.dst[row]!;
    this.wanted[this.waiting++] = row;
  }

  /** Looks up all destinations that were expected, in one call. */
  look(now: number): void {
    if (this.waiting === 0) return;
    const slots = this.addresses!.many(this.waiting, now);
    for (let i = 0; i < this.waiting; i++) this.looked[this.wanted[i]!] = slots[i]!;
    this.waiting = 0;
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

  /**
   * Counts a packet of a decided flow if all of its meters have room for it. They count packets and bytes alone. The same as
   * admit() and add(), but the shortest way there is.
   */
  take(meters: readonly Meter[], row: number, now: number): boolean {
    const { slots, counts } = this;
    const length = this.packets.length[row]!;
    let slot = -1;
    for (let i = 0; i < meters.length; i++) {
      const meter = meters[i]!;
      if (i === 0 || meter.level !== meters[i - 1]!.level) slot = this.slot(meter.level, row, now, undefined);
      const used = slot < 0 ? 0 : meter.count(slot, now);
      if (slot < 0 || !meter.admits(slot, used, meter.countsBytes ? length : 1)) return this.admit(meters, 0, row, now);
      slots[i] = slot;
      counts[i] = used;
    }
    for (let i = 0; i < meters.length; i++) {
      const meter = meters[i]!;
      meter.add(slots[i]!, now, counts[i]!, meter.countsBytes ? length : 1);
    }
    return true;
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

  private slot(level: Level, row: number, now: number, owner: Owner | undefined): number {
    const { packets } = this;
    switch (level) {
      case 'clone':
        return this.clones.slot(packets.clone[row]!, now, owner);
      case 'universe':
        return this.universes.slot(packets.universe[row]!, now);
      case 'destination':
        return this.looked[row] !== UNKNOWN ? this.looked[row]! : this.addresses!.slot(packets.dst[row]!, now);
      case 'farm':
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
