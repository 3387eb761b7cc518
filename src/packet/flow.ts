/**
 * What the flow table found out about a packet, as bits of the `flowState` column.
 */
export const FLOW = {
  /** The packet belongs to a flow that was there before this turn. */
  known: 1,
  /** The packet goes against the direction of the flow's first packet. */
  reply: 2,
  /** The flow was opened by a packet from outside, not by a clone. */
  fromOutside: 4,
  /** An ICMP error about the flow, not a packet of it. */
  error: 8,
  /** From inside: the same 5-tuple is in use towards the outside for something else, so it must not be forwarded. */
  collides: 16,
  /** The packet carries the first data of its direction, or some of the few bytes before that: see FIRST_DATA. */
  data: 32,
} as const;

/** Bytes that a packet must carry to be the first data of its direction. Until one does every packet with data is marked. */
export const FIRST_DATA = 8;

/** What the flow table makes of a packet: which of FlowTable's outputs it leaves by. */
export const DISPOSITION = {
  /** It belongs to a flow. */
  known: 0,
  /** It may open one. Further packets of the same flow in the same turn are new as well, and have the same flow column. */
  new: 1,
  /** It belongs to none and may open none: its flow column is 0. */
  stray: 2,
  /** It might open one, but the table is full: its flow column is 0. */
  full: 3,
} as const;
