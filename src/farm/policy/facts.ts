import { FLOW } from '../../packet/flow.js';
import type { Packets } from '../../packet/packets.js';
import { FACTS_AT, loadColumns } from '../../packet/pattern/interpret.js';
import { UNIVERSE_KINDS, type UniverseKind } from '../universes.js';

/** Numbers of the facts that rules may ask for beside those of the packet. */
export const FACT = {
  way: 0,
  toClone: 1,
  toOriginator: 2,
  contacted: 3,
  depth: 4,
  age: 5,
  image: 6,
  kind: 7,
  /** A bit for each pattern of names that rules ask for. */
  names: 8,
} as const;

/** The fact `way`: the clone began the flow, answers a flow from outside, or answers one that another clone began. */
export const WAY = { begun: 0, reply: 1, answer: 2 } as const;

/** The image of a clone that no rule names. */
export const OTHER_IMAGE = 0xffff;

/** Who sends a packet, as far as policy asks. */
export interface Sender {
  readonly kind: UniverseKind;
  /** Who sent the packet that began the universe. */
  readonly source: number;
  /** The greatest depth a clone of the universe had. */
  readonly depth: number;
  /** Whether the clone was contacted from outside; if not, another clone reached it. */
  readonly contacted: boolean;
  /** Number of its image among those that the rules name, or OTHER_IMAGE. */
  readonly image: number;
  /** Whether the packet is for an address that a clone of the same universe has. */
  readonly toClone: boolean;
  /** Which of the policy's patterns fit a name that its universe was told the destination for: see Policy.namesOf(). */
  readonly names?: number;
}

/** An array for the facts of one packet. */
export const makeFacts = (): Uint32Array => new Uint32Array(FACTS_AT + Object.keys(FACT).length);

/** Fills in the facts of the packet in a row. */
export function loadFacts(facts: Uint32Array, packets: Packets, row: number, sender: Sender): void {
  loadColumns(facts, packets, row);
  const way = wayOf(packets.flowState[row]!);
  facts[FACTS_AT + FACT.way] = way;
  facts[FACTS_AT + FACT.toClone] = way === WAY.answer || (way === WAY.begun && sender.toClone) ? 1 : 0;
  facts[FACTS_AT + FACT.toOriginator] = packets.dst[row] === sender.source ? 1 : 0;
  facts[FACTS_AT + FACT.contacted] = sender.contacted ? 1 : 0;
  facts[FACTS_AT + FACT.depth] = sender.depth;
  facts[FACTS_AT + FACT.age] = packets.age[row]!;
  facts[FACTS_AT + FACT.image] = sender.image;
  facts[FACTS_AT + FACT.kind] = UNIVERSE_KINDS.indexOf(sender.kind);
  facts[FACTS_AT + FACT.names] = sender.names ?? 0;
}

function wayOf(flowState: number): number {
  if (isReply(flowState)) return WAY.reply;
  // A packet against a flow from outside that is not known yet is no reply to anything.
  return flowState & FLOW.reply && !(flowState & FLOW.fromOutside) ? WAY.answer : WAY.begun;
}

/** Whether a packet answers a flow that was opened from outside. */
export function isReply(flowState: number): boolean {
  const bits = FLOW.known | FLOW.fromOutside | FLOW.reply;
  return (flowState & bits) === bits;
}

/** Whether a clone begins something by an address that may be somebody's: nobody outside has contacted it. */
export const isBorrowed = (facts: Uint32Array, { contacted }: Pick<Sender, 'contacted'>): boolean =>
  !contacted && facts[FACTS_AT + FACT.way] === WAY.begun;
