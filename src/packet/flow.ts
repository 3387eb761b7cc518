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
  /** From inside: the same 5-tuple is in use towards the outside by another universe, so it must not be forwarded. */
  collides: 16,
} as const;
