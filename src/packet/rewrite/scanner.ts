import { MAX_PACKET } from '../columns.js';
import { LONGEST, NONE, OPEN, type Substitution } from './substitution.js';

/** Where a scanner puts what is decided: the bytes of the stream in order, as they are or replaced. */
export interface Decided {
  /** Bytes that stay as they are. */
  keep(bytes: Uint8Array, from: number, to: number): void;
  /** So many bytes give way to these. */
  replace(length: number, by: Uint8Array): void;
}

const NOTHING = new Uint8Array(0);

/** What is open and what follows it, side by side. All scanners use it, one at a time. */
const work = new Uint8Array(LONGEST + MAX_PACKET);

/**
 * Finds what is to be replaced in a stream that comes piece by piece. Bytes at the end of a piece that may be the beginning of a
 * match stay open until it is known. `letGo` gives them up as they are, if nothing seems to follow; but if the match is
 * completed after that, what is left of it is left out. So no match ever comes out whole.
 */
export class Scanner {
  readonly substitution: Substitution;
  private readonly open = new Uint8Array(LONGEST);
  private length = 0;
  /** How many of the open bytes have been let go. */
  private gone = 0;
  /** Matches found. */
  found = 0;

  constructor(substitution: Substitution) {
    this.substitution = substitution;
  }

  /** Bytes that have come and are not decided. */
  get withheld(): number {
    return this.length - this.gone;
  }

  /** Takes bytes that follow: at most a packet. */
  take(bytes: Uint8Array, from: number, to: number, decided: Decided): void {
    for (let i = 0; i < this.length; i++) work[i] = this.open[i]!;
    for (let i = from; i < to; i++) work[this.length + i - from] = bytes[i]!;
    this.scan(this.length + to - from, false, decided);
  }

  /** The stream has ended: what is open stays as it is. */
  end(decided: Decided): void {
    work.set(this.open);
    this.scan(this.length, true, decided);
  }

  /** The stream is quiet: gives up what is open, and remembers it. */
  letGo(decided: Decided): void {
    work.set(this.open);
    const { since, until } = this.scan(this.length, true, decided);
    // What a match may begin with that is completed later. What was replaced is the beginning of nothing.
    let at = since;
    while (at < until && this.substitution.at(work, at, until, false) !== OPEN) at++;
    for (let i = at; i < until; i++) this.open[i - at] = work[i]!;
    this.length = this.gone = until - at;
  }

  /** @returns where in `work` the bytes lie that were given out since the last replacement */
  private scan(length: number, last: boolean, decided: Decided): { readonly since: number; readonly until: number } {
    const { substitution } = this;
    let end = length;
    let at = 0;
    /** Up to where bytes have been given out. */
    let given = this.gone;
    let since = 0;
    while (at < end) {
      const pair = substitution.at(work, at, end, last);
      if (pair === OPEN) break;
      if (pair === NONE) {
        at++;
        continue;
      }
      const { from, to } = substitution.pairs[pair]!;
      const stop = at + from.length;
      this.found++;
      if (at >= given) {
        if (at > given) decided.keep(work, given, at);
        decided.replace(from.length, to);
        at = given = since = stop;
      } else {
        // It began with what was let go: the rest of it is left out, and what was let go may begin another one.
        decided.replace(stop - given, NOTHING);
        work.copyWithin(given, stop, end);
        end -= stop - given;
      }
    }
    if (at > given) {
      decided.keep(work, given, at);
      given = at;
    }
    this.length = end - at;
    this.gone = given - at;
    for (let i = at; i < end; i++) this.open[i - at] = work[i]!;
    return { since, until: at };
  }
}
