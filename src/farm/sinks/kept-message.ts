import type { Peer, Reporter } from './peer.js';
import type { SinkItem, SinkStore } from './store.js';

/** Bytes that all connections may keep of what they hear, so that a thousand slow ones do not fill the memory. */
export class Budget {
  private left: number;

  constructor(bytes: number) {
    this.left = bytes;
  }

  /** Whether so many bytes may be kept. */
  take(bytes: number): boolean {
    if (bytes > this.left) return false;
    this.left -= bytes;
    return true;
  }

  give(bytes: number): void {
    this.left += bytes;
  }
}

/** What every sink that keeps messages needs for it. */
export interface Keeping {
  /** Bytes that are kept of one message. */
  readonly message: number;
  readonly budget: Budget;
  readonly store: SinkStore;
  readonly reporter: Reporter;
}

/** What messages are, and the end of the name of the file that holds the bytes of one. */
export interface MessageKind {
  readonly item: SinkItem;
  readonly suffix: string;
}

/** The room that is asked for first; it is doubled as more comes. */
const FIRST = 1024;

/**
 * A message that a connection is given, such as a mail or the body of a request, and then the next: the first so many bytes of it,
 * and as far as all sinks together have room. When it ends it is told and stored.
 */
export class KeptMessage {
  /** All bytes that came, kept or not. */
  bytes = 0;
  private readonly kind: MessageKind;
  private readonly peer: Peer;
  private readonly keeping: Keeping;
  private buffer = Buffer.alloc(0);
  private kept = 0;

  constructor(kind: MessageKind, peer: Peer, keeping: Keeping) {
    this.kind = kind;
    this.peer = peer;
    this.keeping = keeping;
  }

  add(piece: Uint8Array): void {
    const whole = !this.truncated;
    this.bytes += piece.length;
    if (!whole) return;
    const wanted = Math.min(this.keeping.message, this.kept + piece.length);
    if (wanted > this.buffer.length) this.grow(wanted);
    const part = piece.subarray(0, this.buffer.length - this.kept);
    this.buffer.set(part, this.kept);
    this.kept += part.length;
  }

  /**
   * Tells of the message and stores it, complete or cut off; the next one begins.
   * @returns its number, by which a server may call it
   */
  keep(told: string, facts: object, complete: boolean): string {
    const { peer, kind, bytes, truncated } = this;
    const { reporter, store } = this.keeping;
    reporter.tell(peer, told);
    const body = Buffer.from(this.buffer.subarray(0, this.kept));
    const number = store.add(kind.item, peer, kind.suffix, body, { ...facts, bytes, truncated, complete });
    this.keeping.budget.give(this.buffer.length);
    this.buffer = Buffer.alloc(0);
    this.kept = this.bytes = 0;
    return number;
  }

  private get truncated(): boolean {
    return this.kept < this.bytes;
  }

  private grow(wanted: number): void {
    const size = Math.min(this.keeping.message, Math.max(wanted, 2 * this.buffer.length, FIRST));
    if (!this.keeping.budget.take(size - this.buffer.length)) return;
    const larger = Buffer.alloc(size);
    larger.set(this.buffer);
    this.buffer = larger;
  }
}
