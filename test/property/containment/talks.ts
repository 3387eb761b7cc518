/** What has been seen of conversations, and until when they go on. */
import type { Rule, Way } from './policy-data.js';

/** What has been seen of a conversation of an address of a universe. */
export interface Talk {
  readonly name: string;
  /** It was begun from outside, by the clone, by another clone. */
  readonly ways: Set<Way>;
  /** When packets have come by that could begin it. */
  readonly opened: number[];
  last: number;
  /** What policies could have decided: policy, its version, rule, age class, whether there was payload. */
  readonly licences: Map<string, Map<Rule, Set<string>>>;
  /** Whether a rule lets out what the clone says, so that the outside may answer. */
  expected: boolean;
}

/** Seconds after which no conversation goes on that nobody has said anything in. */
const FORGOTTEN: Readonly<Record<string, number>> = { 6: 301, 17: 61, echo: 31 };

export class Talks {
  private readonly now: () => number;
  private readonly all = new Map<string, Talk>();

  constructor(now: () => number) {
    this.now = now;
  }

  [Symbol.iterator](): IterableIterator<Talk> {
    return this.all.values();
  }

  get(name: string): Talk | undefined {
    return this.all.get(name);
  }

  /** Something comes by that keeps a conversation alive. */
  touch(name: string): void {
    if (this.all.has(name)) this.open(name);
  }

  /** A conversation that goes on, or begins. */
  open(name: string): Talk {
    const known = this.all.get(name);
    const now = this.now();
    if (known && now - known.last <= FORGOTTEN[name.split(/[ ,]/, 3)[2]!]!) {
      known.last = now;
      return known;
    }
    const talk: Talk = { name, ways: new Set(), opened: [], last: now, licences: new Map(), expected: false };
    this.all.set(name, talk);
    return talk;
  }

  /** A packet has come by that could begin it. */
  note(talk: Talk, way: Way): void {
    talk.ways.add(way);
    const now = Math.floor(this.now());
    if (!talk.opened.includes(now)) talk.opened.push(now);
  }

  /** How old it may be. */
  ages({ opened }: Talk): number[] {
    const now = Math.floor(this.now());
    return [...new Set(opened.map((at) => now - at))];
  }
}
