import { readFileSync } from 'node:fs';
import type { Evidence } from './evidence.js';
import { FACTS, type FactName } from './facts.js';
import { RuleParser } from './rule-parser.js';

/** How a clone is rated, by its score. */
export const RATINGS = ['benign', 'interesting', 'malicious'] as const;

export type Rating = (typeof RATINGS)[number];

/** What a rule asks of a fact: at least so much; with `allowance`, so much beyond what any clone of the image may change. */
export interface Condition {
  readonly fact: FactName;
  readonly least: number;
  readonly allowance: boolean;
}

/** One rule: its score counts if all its conditions hold. */
export interface Rule {
  /** Where it stands: file:line. */
  readonly place: string;
  readonly conditions: readonly Condition[];
  readonly score: number;
  /** Why it counts, of a clone. */
  reason(of: Evidence): string;
}

/** First bytes of a payload that make its fingerprint, unless a file says otherwise. */
const PAYLOAD = 64;

/** What is held against clones: see docs/monitoring.md for the language. */
export class Rules {
  readonly rules: readonly Rule[];
  /** Scores from which on a clone is of interest, and malicious. */
  readonly interesting: number;
  readonly malicious: number;
  /** First bytes of a payload that make its fingerprint. */
  readonly payload: number;
  /** What payloads begin with that anybody sends. */
  readonly common: readonly Uint8Array[];

  /** @throws {Error} whose message has a line for each thing that is wrong, `file:line:column: message` */
  constructor(text: string, file: string) {
    const parser = new RuleParser(file);
    parser.read(text);
    if (parser.problems.length > 0) throw new Error(parser.problems.join('\n'));
    this.rules = parser.rules;
    this.interesting = parser.thresholds.interesting!;
    this.malicious = parser.thresholds.malicious!;
    this.payload = parser.payload ?? PAYLOAD;
    this.common = parser.common;
  }

  /** The rules that hold for a clone. */
  holding(of: Evidence): Rule[] {
    return this.rules.filter((rule) => holds(rule, of));
  }

  /** The sum of the scores of all rules that hold. */
  score(of: Evidence): number {
    let score = 0;
    for (const rule of this.rules) if (holds(rule, of)) score += rule.score;
    return score;
  }

  rating(score: number): Rating {
    if (score >= this.malicious) return 'malicious';
    return score >= this.interesting ? 'interesting' : 'benign';
  }

  isCommon(payload: Uint8Array): boolean {
    return this.common.some((begin) => begin.every((byte, i) => byte === payload[i]));
  }
}

function holds({ conditions }: Rule, of: Evidence): boolean {
  for (const { fact, least, allowance } of conditions) {
    if (FACTS[fact].value(of) < (allowance ? least + of.allowance : least)) return false;
  }
  return true;
}

const SHIPPED = new URL('../../../../config/monitor.rules', import.meta.url);

/** The rules that are shipped. */
export const shippedRules = (): Rules => new Rules(readFileSync(SHIPPED, 'utf8'), 'config/monitor.rules');
