import { FLOW } from '../../packet/flow.js';
import type { Packets } from '../../packet/packets.js';
import { tidy } from '../../packet/pattern/ranges.js';
import { PROTOCOL } from '../../packet/protocol.js';
import { type Ceiling, type CeilingBox, MAIL } from './ceiling.js';
import { isReply } from './facts.js';

/** Why a packet does not leave that its flow's verdict lets out. */
export const REFUSALS = {
  collision: 'another universe has the same flow open towards the outside',
  options: 'it may leave but for its IP options, of which a source route would lead it elsewhere',
  answer: 'it answers another clone, which is not outside',
  ceiling: 'no rule should let it out, since the ceiling does not allow it: something is wrong with the gateway',
} as const;

export type Refusal = keyof typeof REFUSALS;

/** Boxes of a ceiling that differ in their addresses alone. */
interface Group {
  readonly replyOnly: boolean;
  readonly firstPort: number;
  readonly lastPort: number;
  /** First and last addresses, rising. */
  readonly starts: Uint32Array;
  readonly ends: Uint32Array;
}

const PROTOCOLS = 256;

/**
 * The last look at a packet before it leaves. It knows nothing of rules: it takes what the flow table found out and what is in the
 * packet's header, and holds that against the ceiling.
 */
export class Exit {
  private readonly packets: Packets;
  private groups: readonly (readonly Group[])[] = [];

  constructor(packets: Packets, ceiling: Ceiling) {
    this.packets = packets;
    this.install(ceiling);
  }

  /** From now on this is the ceiling. */
  install({ boxes }: Ceiling): void {
    // Most protocols are alike.
    const turns = new Set(boxes.flatMap(({ proto: [first, last] }) => [first, last + 1]));
    const groups: Group[][] = [];
    for (let proto = 0; proto < PROTOCOLS; proto++) {
      const same = proto > 0 && !turns.has(proto);
      groups.push(
        same ? groups[proto - 1]! : group(boxes.filter((box) => box.proto[0] <= proto && proto <= box.proto[1])),
      );
    }
    this.groups = groups;
  }

  /** Why the packet in a row does not leave; undefined if it does. */
  refusal(row: number): Refusal | undefined {
    const { packets } = this;
    const state = packets.flowState[row]!;
    // The flow table saw the other universe's flow, so this one was never known to the outside.
    if (state & FLOW.collides) return 'collision';
    if (packets.ipHeader[row]! > 20) return 'options';
    if ((state & (FLOW.reply | FLOW.fromOutside)) === FLOW.reply) return 'answer';
    // A later fragment goes where its first one went.
    const port = packets.fragment[row]! > 1 ? -1 : packets.dport[row]!;
    return this.allows(isReply(state), packets.proto[row]!, packets.dst[row]!, port) ? undefined : 'ceiling';
  }

  /** Whether a packet answers who connected from a port of mail servers, and the ceiling does not say that this may leave. */
  isMailReply(row: number): boolean {
    const { packets } = this;
    return (
      packets.dport[row] === MAIL &&
      packets.proto[row] === PROTOCOL.tcp &&
      isReply(packets.flowState[row]!) &&
      !this.allows(true, PROTOCOL.tcp, packets.dst[row]!, MAIL)
    );
  }

  private allows(reply: boolean, proto: number, dst: number, dport: number): boolean {
    const groups = this.groups[proto]!;
    for (let i = 0; i < groups.length; i++) {
      const group = groups[i]!;
      if (group.replyOnly && !reply) continue;
      if (dport >= 0 && (dport < group.firstPort || dport > group.lastPort)) continue;
      if (among(group, dst)) return true;
    }
    return false;
  }
}

function group(boxes: readonly CeilingBox[]): Group[] {
  const alike = new Map<string, CeilingBox[]>();
  for (const box of boxes) {
    const name = [box.replyOnly, ...box.dport].join();
    alike.set(name, [...(alike.get(name) ?? []), box]);
  }
  return [...alike.values()].map((list) => {
    const ranges = tidy(list.map(({ dst }) => dst));
    const [{ replyOnly, dport }] = list as [CeilingBox];
    return {
      replyOnly,
      firstPort: dport[0],
      lastPort: dport[1],
      starts: Uint32Array.from(ranges, ([first]) => first),
      ends: Uint32Array.from(ranges, ([, last]) => last),
    };
  });
}

function among({ starts, ends }: Group, address: number): boolean {
  let low = 0;
  let high = starts.length;
  while (high - low > 1) {
    const middle = (low + high) >>> 1;
    if (starts[middle]! <= address) low = middle;
    else high = middle;
  }
  return starts[low]! <= address && address <= ends[low]!;
}
