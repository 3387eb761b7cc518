import type { Packets } from '../../packet/packets.js';
import type { AgentReport, Baseline } from '../agent-report.js';
import type { Action } from '../policy/actions.js';
import { type PayloadBook, type PayloadLine, Payloads } from './payloads.js';
import type { Rating } from './rules.js';

/** Distinct addresses that are told apart, and names of ports and processes. */
const DESTINATIONS = 64;
const NAMES = 256;

/** What is looked up of a clone when it is assessed. */
export interface Findings {
  readonly opened: number;
  readonly called: number;
  /** Of its universe. */
  readonly depth: number;
  readonly delta: number;
  readonly report: AgentReport | undefined;
}

/** What the monitor says of a clone. */
export interface Assessment {
  readonly score: number;
  readonly rating: Rating;
  readonly reasons: readonly string[];
  readonly payloads: {
    readonly received: readonly PayloadLine[];
    readonly sent: readonly PayloadLine[];
    readonly repeated: readonly string[];
  };
}

/**
 * What is known of a clone. Each fact is the most that was ever seen: an intruder who cleans up, or an agent that was made to
 * lie, takes nothing back.
 */
export class Evidence {
  readonly payloads: Payloads;
  readonly verdicts: Record<Action['verdict'], number> = { forward: 0, reflect: 0, redirect: 0, drop: 0, reset: 0 };
  readonly ports: string[] = [];
  readonly processes: string[] = [];
  opened = 0;
  children = 0;
  limited = 0;
  depth = 1;
  delta = 0;
  /** As the rules say; see Monitor. */
  score = 0;
  rating: Rating = 'benign';
  /** Bytes that its image changes by itself, and what a clone may add to that. */
  readonly baseline: number;
  readonly allowance: number;
  private readonly book: PayloadBook;
  private readonly usual: AgentReport | undefined;
  private readonly reached = new Set<number>();
  private report: AgentReport | undefined;
  /** Whether something was noted since it was assessed. */
  private news = false;

  constructor(book: PayloadBook, image: number, { delta, allowance, report }: Baseline) {
    this.book = book;
    this.payloads = new Payloads(book, image);
    this.baseline = delta;
    this.allowance = allowance;
    this.usual = report;
  }

  get destinations(): number {
    return this.reached.size;
  }

  get growth(): number {
    return Math.max(0, this.delta - this.baseline);
  }

  /** Policy has decided about a flow that it begins. */
  opens(target: number, verdict: Action['verdict'], overQuota: boolean): void {
    this.verdicts[verdict]++;
    if (overQuota) this.limited++;
    // Signed numbers take less room.
    if (this.reached.size < DESTINATIONS) this.reached.add(target | 0);
    this.news = true;
  }

  /** It is sent the first data of a flow, by `from` if that is a clone. */
  receives(packets: Packets, row: number, from: Evidence | undefined): void {
    this.payloads.receive(packets, row, from?.payloads);
  }

  /** It sends the first data of a flow. */
  sends(packets: Packets, row: number): void {
    if (this.payloads.send(packets, row)) this.news = true;
  }

  /** Takes in what is known now. False if there is nothing new since the last time. */
  update({ opened, called, depth, delta, report }: Findings): boolean {
    const risen = opened > this.opened || called > this.children || depth > this.depth || delta > this.delta;
    if (!risen && !this.news && report === this.report) return false;
    this.news = false;
    this.opened = Math.max(this.opened, opened);
    this.children = Math.max(this.children, called);
    this.depth = Math.max(this.depth, depth);
    this.delta = Math.max(this.delta, delta);
    if (report !== this.report) this.compare(report);
    return true;
  }

  /** Holds what its agent says against what that of its image said. */
  private compare(report: AgentReport | undefined): void {
    this.report = report;
    if (!report || !this.usual) return;
    for (const port of report.listen) if (!this.usual.listen.has(port)) addName(this.ports, port);
    for (const name of report.processes.keys()) if (!this.usual.processes.has(name)) addName(this.processes, name);
  }

  /** Why it has its score. */
  reasons(): string[] {
    return this.book.rules.holding(this).map((rule) => rule.reason(this));
  }

  tell(): Assessment {
    return { score: this.score, rating: this.rating, reasons: this.reasons(), payloads: this.payloads.lines() };
  }
}

function addName(names: string[], name: string): void {
  if (names.length < NAMES && !names.includes(name)) names.push(name);
}
