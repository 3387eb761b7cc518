/** Something that happened in the data plane and that a person may want to know. Addresses are numbers. */
export type EngineEvent =
  | {
      readonly kind: 'universe';
      readonly universe: number;
      readonly universeKind: 'closed' | 'open' | 'shared';
      readonly source: number;
      readonly target: number;
    }
  /** Somebody outside joins a universe that another has begun, for the first time. */
  | { readonly kind: 'joined'; readonly universe: number; readonly source: number; readonly target: number }
  | {
      readonly kind: 'clone';
      readonly clone: number;
      readonly universe: number;
      readonly address: number;
      readonly image: string;
      /** Who sent the packet that called for it: an address, and the clone that has it, 0 if it is outside. */
      readonly cause: { readonly source: number; readonly clone: number };
      /** 1 if it was contacted from outside, else one more than that of the clone that called. */
      readonly depth: number;
      /** Whether it stood by, or had to be made from nothing. */
      readonly origin: 'warm' | 'cold';
      readonly seconds: number;
    }
  | {
      /** The monitor is sure of a clone: once, when its score gets there. */
      readonly kind: 'malicious';
      readonly clone: number;
      readonly universe: number;
      readonly address: number;
      readonly score: number;
      /** What it did, each in words that go on from "it". */
      readonly reasons: readonly string[];
    }
  | {
      readonly kind: 'captured';
      /** 0 if it is a universe that was to be captured; the address is then that of its first clone. */
      readonly clone: number;
      readonly universe: number;
      readonly address: number;
      /** Why it was to be captured, and how that went: `captured` has a path, all else a reason. */
      readonly why: string;
      readonly outcome: string;
      readonly path?: string;
      readonly reason?: string;
    }
  | {
      readonly kind: 'gone';
      readonly clone: number;
      readonly universe: number;
      readonly address: number;
      /** Which way it ended, in a word. */
      readonly ending: string;
      readonly reason: string;
    }
  | {
      readonly kind: 'verdict';
      readonly clone: number;
      readonly universe: number;
      readonly verdict: string;
      readonly rule: string;
      /** The limit that was reached, and how its counter stood. */
      readonly quota?: string;
      readonly source: number;
      readonly target: number;
      readonly proto: number;
      readonly port: number;
    }
  | {
      readonly kind: 'sink';
      /** The clone that talks to a sink, its address, and the address and port that it talks to. */
      readonly clone: number;
      readonly universe: number;
      readonly source: number;
      readonly target: number;
      readonly port: number;
      /** What it wants. Strangers choose parts of it. */
      readonly what: string;
    }
  /** Export was stopped, or a person allowed it again. */
  | { readonly kind: 'export'; readonly stopped: boolean; readonly by: string; readonly reason: string }
  | { readonly kind: 'warning'; readonly element: string; readonly message: string }
  | { readonly kind: 'error'; readonly element: string; readonly message: string };

/** Seconds and number: at most so many events are passed on in so long. */
const WINDOW = 1;
const MOST = 500;

/** Cuts a flood of events. */
export class EventGate {
  private since = Number.NEGATIVE_INFINITY;
  private passed = 0;

  admits(now: number): boolean {
    if (now - this.since >= WINDOW) {
      this.since = now;
      this.passed = 0;
    }
    if (this.passed < MOST) {
      this.passed++;
      return true;
    }
    return false;
  }
}
