import { Early } from './early.js';
import { Edits } from './edits.js';
import { type Decided, Scanner } from './scanner.js';
import { LONGEST, type Substitution } from './substitution.js';
import { type Budget, Unacked } from './unacked.js';

/** How streams are bounded. */
export interface StreamLimits {
  /** Bytes of output that one stream may hold unacknowledged. */
  readonly bytes: number;
  /** Memory of all streams. */
  readonly budget: Budget;
}

/** Places where the length changes that one stream may remember. */
const EDITS = 4096;

/** The largest segment that every host takes (RFC 9293 3.7.1). */
const DEFAULT_MSS = 536;

/**
 * What one end of a TCP connection sends, and what becomes of it: the same bytes with strings replaced. Positions count from
 * the SYN, which is at 0; sequence numbers are made of them here and nowhere else.
 *
 * The output is decided once, in order, and held until it is acknowledged. So what is sent again is what was sent first,
 * whatever the sender now says it was.
 */
export class Stream implements Decided {
  readonly scanner: Scanner;
  /** Sequence number of position 0, of the input and of the output. */
  readonly inBase: number;
  private readonly outBase: number;
  /** The first position that is known. What is before it was there before the stream was followed. */
  readonly start: number;
  /** Up to where the input has come without a gap. */
  taken: number;
  /** Up to where the output was sent, and is acknowledged. */
  sent: number;
  acked: number;
  /** Up to where its sender has been told that it has arrived. */
  told = 0;
  /** The window that its receiver has told last, not scaled; and up to where there is room for certain. */
  window = 1;
  room = 0;
  /** Whether the sender has said that nothing follows, and all before that has come. */
  ended = false;
  /** The largest segment that the sender has made: it knows what its receiver takes. */
  mss = DEFAULT_MSS;
  readonly early: Early;
  /** Output that is not acknowledged; its end is where the output ends so far. */
  readonly unacked: Unacked;
  private readonly edits = new Edits();
  private readonly limits: StreamLimits;
  /** Most bytes that one byte becomes. */
  private readonly growth: number;

  /**
   * @param sequence that of the SYN, or of the first segment that is to be followed
   * @param shift what is added to sequence numbers
   * @param begins whether it is a SYN
   */
  constructor(substitution: Substitution, sequence: number, shift: number, begins: boolean, limits: StreamLimits) {
    this.scanner = new Scanner(substitution);
    this.start = begins ? 0 : 1;
    this.inBase = (sequence - this.start) >>> 0;
    this.outBase = (this.inBase + shift) >>> 0;
    this.acked = this.start;
    this.taken = this.sent = 1;
    this.limits = limits;
    this.early = new Early(limits.budget);
    this.unacked = new Unacked(1, limits.budget);
    this.growth = Math.max(1, ...substitution.pairs.map(({ from, to }) => to.length / from.length));
  }

  /** The position that a sequence number of the sender means: the one nearest to what is expected. */
  positionOf(sequence: number): number {
    return this.taken + ((sequence - this.inBase - this.taken) | 0);
  }

  /** The sequence number of an output position. */
  sequenceOf(position: number): number {
    return (this.outBase + position) >>> 0;
  }

  /** The output position that an acknowledgement means: the one nearest to what was acknowledged. */
  acknowledged(sequence: number): number {
    return this.acked + ((sequence - this.outBase - this.acked) | 0);
  }

  /** Where the input ends that comes to lie before an output position. */
  inputBefore(position: number, up: boolean): number {
    const { unacked, ended, taken } = this;
    const last = taken - this.scanner.withheld - (ended ? 1 : 0);
    // The FIN is behind all of the output.
    return position > unacked.to ? last + 1 : Math.min(last, this.edits.inOf(position, up));
  }

  /** The sequence number of an input position. */
  sequenceAt(position: number): number {
    return (this.inBase + position) >>> 0;
  }

  /** Where an input position comes to lie. What is withheld is at the end of the output. */
  outputOf(position: number, up: boolean): number {
    const { unacked, ended, taken } = this;
    if (ended && position >= taken) return unacked.to + 1;
    return Math.min(unacked.to, this.edits.outOf(position, up));
  }

  /** Where the output ends, a FIN included. */
  get end(): number {
    return this.unacked.to + (this.ended ? 1 : 0);
  }

  /** Whether a piece of so many bytes may become output now. */
  hasRoom(length: number): boolean {
    const { unacked, limits, edits } = this;
    const most = (length + LONGEST) * this.growth;
    const held = unacked.to - unacked.from + most;
    return held <= limits.bytes && limits.budget.has(2 * held) && edits.count < EDITS;
  }

  /** Holds bytes that came before those that they follow. @returns false if there is no room */
  holds(position: number, bytes: Uint8Array, from: number, to: number): boolean {
    return position - this.taken <= this.limits.bytes && this.early.add(position, bytes, from, to);
  }

  /** Takes bytes that follow. */
  take(bytes: Uint8Array, from: number, to: number): void {
    this.taken += to - from;
    this.place = this.taken - (to - from) - this.scanner.withheld;
    this.scanner.take(bytes, from, to, this);
  }

  /** Takes the FIN that follows. */
  takeEnd(): void {
    this.early.clear();
    this.place = this.taken - this.scanner.withheld;
    this.scanner.end(this);
    this.ended = true;
    this.taken++;
  }

  /** Whether its sender believes that more has arrived than has: it does not send that again. */
  get owes(): boolean {
    return this.told > this.inputBefore(this.acked, false);
  }

  /** Whether its sender may well have more to say, but cannot: something is on the way, or its receiver has no room. */
  get blocked(): boolean {
    return !this.early.empty || this.acked < this.unacked.to || this.window === 0;
  }

  /** Gives up what is withheld. */
  letGo(): void {
    this.place = this.taken - this.scanner.withheld;
    this.scanner.letGo(this);
  }

  /** Input position of what the scanner decides next. */
  private place = 1;

  keep(bytes: Uint8Array, from: number, to: number): void {
    this.unacked.append(bytes, from, to);
    this.place += to - from;
  }

  replace(length: number, by: Uint8Array): void {
    const at = this.unacked.to;
    this.unacked.append(by, 0, by.length);
    // Where the length stays, every byte is a byte.
    if (length !== by.length) this.edits.add(this.place, this.place + length, at, this.unacked.to);
    this.place += length;
  }

  /** The receiver has all before a position. */
  acknowledge(position: number): void {
    if (position <= this.acked) return;
    this.acked = position;
    this.unacked.acknowledge(position);
    this.edits.forget(position);
  }

  /** Up to where output may be sent now: as far as the receiver has room, or the sender believes that it has. */
  get limit(): number {
    const before = this.edits.inOf(Math.min(this.acked, this.unacked.to), false);
    return Math.max(this.room, this.acked + this.taken - before, this.sent);
  }

  /** Gives all memory back. */
  clear(): void {
    this.unacked.clear();
    this.early.clear();
  }
}
