import type { Batch } from '../../packet/batch.js';
import { ROWS } from '../../packet/columns.js';
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

/** Numbers of refusals: the place in this list. */
export const REFUSAL_NAMES = [undefined, 'collision', 'options', 'answer', 'ceiling'] as const satisfies readonly (
  | Refusal
  | undefined
)[];
const [LEAVES, COLLISION, OPTIONS, ANSWER, CEILING] = [0, 1, 2, 3, 4];

/** Boxes of a ceiling that differ in their addresses alone. */
interface Group {
  readonly replyOnly: boolean;
  readonly firstPort: number;
  readonly lastPort: number;
  /** All addresses are in it. */
  readonly everywhere: boolean;
  /** First and last addresses, rising. */
  readonly starts: Uint32Array;
  readonly ends: Uint32Array;
}

const PROTOCOLS = 256;
const LAST_ADDRESS = 0xffffffff;

/**
 * The last look at a packet before it leaves. It knows nothing of rules: it takes what the flow table found out and what is in the
 * packet's header, and holds that against the ceiling.
 */
export class Exit {
  /** Result of look(): numbers of refusals, 0 for what leaves. */
  readonly refusals = new Uint8Array(ROWS);
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

  /** Looks at packets that are about to leave. Entry i of `refusals` then says why that of rows[i] does not. */
  look({ rows, count }: Batch): void {
    for (let i = 0; i < count; i++) this.refusals[i] = this.refusal(rows[i]!);
  }

  /** The number of the reason why the packet in a row does not leave; 0 if it does. */
  refusal(row: number): number {
    const { packets } = this;
    const state = packets.flowState[row]!;
    // The flow table saw the other universe's flow, so this one was never known to the outside.
    if (state & FLOW.collides) return COLLISION;
    if (packets.ipHeader[row]! > 20) return OPTIONS;
    if ((state & (FLOW.reply | FLOW.fromOutside)) === FLOW.reply) return ANSWER;
    // A later fragment goes where its first one went.
    const port = packets.fragment[row]! > 1 ? -1 : packets.dport[row]!;
    return this.allows(isReply(state), packets.proto[row]!, packets.dst[row]!, port) ? LEAVES : CEILING;
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
      if (group.everywhere || among(group, dst)) return true;
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
  const groups = [...alike.values()].map((list) => {
    const ranges = tidy(list.map(({ dst }) => dst));
    const [{ replyOnly, dport }] = list as [CeilingBox];
    return {
      replyOnly,
      firstPort: dport[0],
      lastPort: dport[1],
      everywhere: ranges[0]![0] === 0 && ranges[0]![1] === LAST_ADDRESS,
      starts: Uint32Array.from(ranges, ([first]) => first),
      ends: Uint32Array.from(ranges, ([, last]) => last),
    };
  });
  // Those of most ports are asked first.
  return groups.sort((a, b) => b.lastPort - b.firstPort - (a.lastPort - a.firstPort));
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
