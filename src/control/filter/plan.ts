import type { CeilingBox } from '../../farm/policy/ceiling.js';

/** A GRE tunnel as its packets look from outside. Addresses are numbers. */
export interface TunnelFacts {
  readonly local: number;
  readonly remote: number;
  readonly key?: number | undefined;
  readonly checksum: boolean;
  readonly sequence: boolean;
}

/** A network interface. */
export interface Place {
  readonly device: string;
  /** Whether its packets have an Ethernet header. */
  readonly ethernet: boolean;
}

/** Where packets of clones leave. */
export interface Exit extends Place {
  /** The tunnel in which they leave; without one they leave as they are. */
  readonly tunnel?: TunnelFacts;
  /** What may leave; any packet if it is undefined, for an exit that no clone's packets reach. */
  readonly boxes: readonly CeilingBox[] | undefined;
}

/** Where packets from outside come in. */
export interface Entrance extends Place {
  readonly tunnel?: Pick<TunnelFacts, 'local' | 'remote'>;
}

/** What the gateway itself asks outside: a DNS server that a graph names. */
export interface Question {
  readonly server: number;
  readonly port: number;
}

/** What a kernel knows conversations of: who contacted whom. */
export const LEARNT = ['tcp', 'udp', 'echo'] as const;
export type Learnt = (typeof LEARNT)[number];

/** All that the kernel's filter is made of. */
export interface FilterPlan {
  /** Whether the interfaces are the gateway's alone, so that nothing else may leave them. */
  readonly whole: boolean;
  readonly exits: readonly Exit[];
  readonly entrances: readonly Entrance[];
  /** What the gateway asks, and its own addresses, from which it does. */
  readonly questions: readonly Question[];
  readonly own: readonly number[];
  /** Seconds after which a quiet conversation is forgotten. */
  readonly quiet: Readonly<Record<Learnt, number>>;
}

/** The name of the table, of family `netdev`. A network namespace has one. */
export const TABLE = 'potemkin';

/** Why the kernel drops a packet; each has a counter of this name. */
export const REASONS = {
  other: 'it is nothing that the gateway sends by this interface',
  malformed: 'it carries no plain IPv4 packet, or one that is too short for its protocol',
  unroutable: 'no host outside can have its destination',
  fragment: 'the first fragment of its datagram did not pass, or it overlaps the transport header',
  ceiling: 'no ceiling lets it out',
  uncontacted: 'it may leave as an answer alone, and nobody contacted the clone so',
} as const;
export type Reason = keyof typeof REASONS;

/** Further counters: what passed, and contacts that could not be noted, since a set was full. */
export const PASSED = 'passed';
export const UNNOTED = 'unnoted';
