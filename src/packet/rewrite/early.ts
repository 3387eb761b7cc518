import type { Budget } from './unacked.js';

/** Pieces that one stream may hold. */
const PIECES = 64;

interface Piece {
  readonly at: number;
  readonly bytes: Uint8Array;
}

/**
 * Bytes that came before those that they follow. What came first stands: where a later one overlaps it, the later one is
 * not looked at.
 */
export class Early {
  /** Where the stream ends, if that was said. */
  end: number | undefined;
  private readonly budget: Budget;
  private pieces: Piece[] = [];

  constructor(budget: Budget) {
    this.budget = budget;
  }

  get empty(): boolean {
    return this.pieces.length === 0;
  }

  /** Keeps bytes [from, to), which are at a position of the stream. @returns false if there is no room for all that is new */
  add(position: number, bytes: Uint8Array, from: number, to: number): boolean {
    const end = position + to - from;
    const gaps: [number, number][] = [];
    let at = position;
    for (const piece of this.pieces) {
      if (piece.at >= end) break;
      if (at < piece.at) gaps.push([at, piece.at]);
      at = Math.max(at, piece.at + piece.bytes.length);
    }
    if (at < end) gaps.push([at, end]);
    if (this.pieces.length + gaps.length > PIECES) return false;
    const size = gaps.reduce((sum, [first, last]) => sum + last - first, 0);
    if (!this.budget.has(size)) return false;
    this.budget.used += size;
    for (const [first, last] of gaps)
      this.pieces.push({ at: first, bytes: bytes.slice(from + first - position, from + last - position) });
    this.pieces.sort((one, other) => one.at - other.at);
    return true;
  }

  /** The bytes at a position, if they are here, and forgets them and all before. */
  take(position: number): Uint8Array | undefined {
    for (let piece = this.pieces[0]; piece && piece.at <= position; piece = this.pieces[0]) {
      this.pieces.shift();
      this.budget.used -= piece.bytes.length;
      if (piece.at + piece.bytes.length > position) return piece.bytes.subarray(position - piece.at);
    }
    return undefined;
  }

  clear(): void {
    for (const { bytes } of this.pieces) this.budget.used -= bytes.length;
    this.pieces = [];
  }
}
