/** Policies as data, and what they say. */
import type { Look } from './bytes.js';

export type Way = 'reply' | 'begun' | 'answer';

/** What a rule may ask about a packet and its sender. */
export interface Facts {
  readonly way: Way;
  readonly toClone: boolean;
  readonly toOriginator: boolean;
  readonly contacted: boolean;
  readonly depth: number;
  readonly age: number;
  readonly image: string;
  readonly kind: string;
}

export interface Condition {
  readonly text: string;
  readonly holds: (packet: Look, facts: Facts) => boolean;
  /** Ages that it compares with, and whether it asks for payload. */
  readonly ages?: readonly number[];
  readonly payload?: boolean;
}

export const PROTOCOLS = ['tcp', 'udp', 'icmp', 'other'] as const;
export const protocolOf = ({ proto }: { proto: number }): (typeof PROTOCOLS)[number] =>
  proto === 6 ? 'tcp' : proto === 17 ? 'udp' : proto === 1 ? 'icmp' : 'other';

export interface Limit {
  readonly protocol: (typeof PROTOCOLS)[number] | undefined;
  readonly measure: 'flows' | 'destinations' | 'packets' | 'bytes';
  readonly most: number;
  readonly period: 'minute' | 'hour' | 'day';
  readonly level: 'clone' | 'universe' | 'destination' | 'farm';
}

export const PERIODS = { minute: 60, hour: 3600, day: 86_400 } as const;

export interface Action {
  readonly verdict: string;
  readonly limits: readonly Limit[];
  readonly otherwise: Action | undefined;
}

export interface Rule {
  readonly sections: readonly Condition[];
  readonly condition: Condition;
  readonly action: Action;
}

/** What may ever leave, entry by entry. */
export interface Entry {
  readonly text: string;
  readonly holds: (packet: Look, way: Way) => boolean;
}

export interface PolicyData {
  readonly rules: readonly Rule[];
  readonly ceiling: readonly Entry[];
}

/** The first rule that matches; undefined means that nothing leaves. */
export function firstMatch({ rules }: PolicyData, packet: Look, facts: Facts): Rule | undefined {
  return rules.find(
    ({ sections, condition }) => sections.every((each) => each.holds(packet, facts)) && condition.holds(packet, facts),
  );
}

export const agesOf = ({ rules }: PolicyData): number[] =>
  [...new Set(rules.flatMap(({ condition }) => condition.ages ?? []))].sort((a, b) => a - b);

export const readsPayload = ({ rules }: PolicyData): boolean => rules.some(({ condition }) => condition.payload);

/** How many of the ages that a policy asks for are reached. */
export const classOf = (policy: PolicyData, age: number): number => agesOf(policy).filter((each) => each <= age).length;
