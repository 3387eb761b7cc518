import { Budget } from '../../../../src/farm/sinks/kept-message.js';
import type { Peer, Speaker, Talk } from '../../../../src/farm/sinks/peer.js';
import type { SinkItem } from '../../../../src/farm/sinks/store.js';

export const PEER: Peer = { universe: 3, clone: 7, address: 0x0a630102, target: 0xcb007109, port: 25 };

export interface Kept {
  readonly kind: SinkItem;
  readonly body: string;
  readonly facts: Record<string, unknown>;
}

/** One connection to a sink, as a test speaks on it. */
export class Heard implements Speaker {
  said = '';
  closed = false;
  readonly kept: Kept[] = [];
  readonly told: string[] = [];
  readonly budget = new Budget(1 << 20);
  private talk!: Talk;

  /** What sinks are made with, beside their own options. */
  get options() {
    return {
      budget: this.budget,
      reporter: { now: 1_800_000_000, tell: (_: Peer, what: string) => this.told.push(what) },
      store: {
        add: (kind: SinkItem, _: Peer, __: string, body: Uint8Array, facts: object) => {
          this.kept.push({ kind, body: Buffer.from(body).toString('latin1'), facts: { ...facts } });
          return `N${this.kept.length}`;
        },
      } as never,
    };
  }

  open(talk: Talk): this {
    this.talk = talk;
    talk.begin();
    return this;
  }

  say(bytes: Uint8Array | string): void {
    if (this.closed) throw new Error('it speaks after it has closed');
    this.said += Buffer.from(bytes as string, 'latin1').toString('latin1');
  }

  close(): void {
    this.closed = true;
  }

  end(): void {
    this.talk.end();
  }

  /** Sends bytes, in pieces of a size if one is given. @returns what is answered */
  send(text: string | Uint8Array, piece = 1 << 20): string {
    const bytes = Buffer.from(text as string, 'latin1');
    const before = this.said.length;
    for (let at = 0; at < bytes.length && !this.closed; at += piece) this.talk.hear(bytes.subarray(at, at + piece));
    return this.said.slice(before);
  }
}
