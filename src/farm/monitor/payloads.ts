import { FIRST_DATA, FLOW } from '../../packet/flow.js';
import type { Packets } from '../../packet/packets.js';
import { fingerprint, payloadOf } from './fingerprint.js';
import type { Rules } from './rules.js';

/** Fingerprints that a clone keeps of what it was sent, and of what it sent: the latest. */
const EACH = 64;
/** Of those, each way, so many also when all clones together keep as many as they may. */
const FEW = 8;
/** Payloads of its own that an image is known for. */
const HABITS = 64;

/** What clones have in common: how payloads are looked at, and how many fingerprints are kept. */
export class PayloadBook {
  readonly rules: Rules;
  readonly most: number;
  /** Fingerprints that are kept now, and those that went before their time because there was no room. */
  kept = 0;
  forgotten = 0;
  /** Payloads that clones sent and had been sent before. */
  repeated = 0;
  private readonly habits = new Map<number, Set<string>>();

  /** @param most fingerprints that all clones may keep together, but for a few that each may in any case */
  constructor(rules: Rules, most: number) {
    this.rules = rules;
    this.most = most;
  }

  /** What the clones of an image send of their own accord. */
  habitsOf(image: number): Set<string> {
    const known = this.habits.get(image);
    if (known) return known;
    const habits = new Set<string>();
    this.habits.set(image, habits);
    return habits;
  }
}

interface Received {
  readonly port: number;
  /** Clones in a row, before this one, that sent on what they had been sent. */
  readonly relays: number;
}

/** A payload, as captures tell it. */
export interface PayloadLine {
  readonly fingerprint: string;
  /** Where it went to. */
  readonly port: number;
}

/**
 * Fingerprints of what a clone was sent by flows to it, and of what it sent by flows that it began. Only the first packet
 * of each direction that carries FIRST_DATA bytes is looked at, in which an exploit that came and goes on is the same.
 */
export class Payloads {
  /** Those that it sent and had been sent. */
  readonly repeated: string[] = [];
  samePort = 0;
  relays = 0;
  private readonly book: PayloadBook;
  private readonly image: number;
  private readonly received = new Map<string, Received>();
  private readonly sent = new Map<string, { readonly port: number }>();
  private readonly onSamePort = new Set<string>();
  /** Whether anybody ever told it anything. */
  private told = false;

  constructor(book: PayloadBook, image: number) {
    this.book = book;
    this.image = image;
  }

  /** A packet with first data goes to the clone. `from` is who sent it, if it is a clone. */
  receive(packets: Packets, row: number, from: Payloads | undefined): void {
    this.told = true;
    if ((packets.flowState[row]! & FLOW.reply) !== 0) return;
    const print = this.print(packets, row);
    if (print === undefined) return;
    const sender = from?.received.get(print);
    const relays = Math.max(this.received.get(print)?.relays ?? 0, sender ? sender.relays + 1 : 0);
    this.keep(this.received, print, { port: packets.dport[row]!, relays });
  }

  /** The clone has sent a packet with first data. @returns whether that tells anything new of it */
  send(packets: Packets, row: number): boolean {
    if ((packets.flowState[row]! & FLOW.reply) !== 0) return false;
    const print = this.print(packets, row);
    if (print === undefined) return false;
    const port = packets.dport[row]!;
    this.keep(this.sent, print, { port });
    const habits = this.book.habitsOf(this.image);
    if (!this.told && habits.size < HABITS) habits.add(print);
    const received = this.received.get(print);
    if (!received || habits.has(print)) return false;
    return this.repeat(print, received, port);
  }

  private repeat(print: string, received: Received, port: number): boolean {
    const { repeated, relays, samePort } = this;
    const isNew = !repeated.includes(print) && repeated.length < EACH;
    if (isNew) {
      repeated.push(print);
      this.book.repeated++;
    }
    this.relays = Math.max(relays, received.relays + 1);
    if (received.port === port && this.onSamePort.size < EACH) this.onSamePort.add(print);
    this.samePort = this.onSamePort.size;
    return isNew || this.relays > relays || this.samePort > samePort;
  }

  /** Undefined if it is too short to tell anything, or what anybody sends. */
  private print(packets: Packets, row: number): string | undefined {
    const { rules } = this.book;
    const payload = payloadOf(packets, row, rules.payload);
    return payload.length < FIRST_DATA || rules.isCommon(payload) ? undefined : fingerprint(payload);
  }

  /** Keeps a fingerprint as the latest. */
  private keep<T>(in_: Map<string, T>, print: string, what: T): void {
    const { book } = this;
    if (!in_.delete(print)) {
      const crowded = in_.size >= EACH || (in_.size >= FEW && book.kept >= book.most);
      if (crowded) {
        in_.delete(in_.keys().next().value!);
        book.forgotten++;
      } else book.kept++;
    }
    in_.set(print, what);
  }

  /** The clone is gone. */
  close(): void {
    this.book.kept -= this.received.size + this.sent.size;
    this.received.clear();
    this.sent.clear();
  }

  /** What it was sent and what it sent, the latest last. */
  lines(): { readonly received: PayloadLine[]; readonly sent: PayloadLine[]; readonly repeated: string[] } {
    const all = (of: ReadonlyMap<string, { readonly port: number }>) =>
      [...of].map(([fingerprint, { port }]) => ({ fingerprint, port }));
    return { received: all(this.received), sent: all(this.sent), repeated: [...this.repeated] };
  }
}
