import type { Range } from '../../packet/pattern/pattern.js';
import type { Ranges } from '../../packet/pattern/ranges.js';
import { PROTOCOL } from '../../packet/protocol.js';

/** Packets that may leave, as a product of ranges; both ends of a range are included. */
export interface CeilingBox {
  /** Only packets that answer a flow which was opened from outside. */
  readonly replyOnly: boolean;
  readonly proto: Range;
  readonly dst: Range;
  /** The port that the packet goes to; [0, 65535] for protocols that have none. */
  readonly dport: Range;
}

/**
 * What may ever leave, whatever a policy's rules say. The rules are held against it when the policy is read, and each packet
 * before it leaves; the kernel's filter is made of it.
 */
export interface Ceiling {
  readonly boxes: readonly CeilingBox[];
  /** Whether an entry names TCP port 25. If none does, no box has it. */
  readonly mail: boolean;
  /** As they are written. */
  readonly entries: readonly string[];
  /** Where it stands: file:line, or `default`. */
  readonly place: string;
}

/** What one entry of a ceiling says; what it leaves out is any. */
export interface CeilingEntry {
  readonly replyOnly: boolean;
  readonly proto?: Ranges | undefined;
  readonly dst?: Ranges | undefined;
  readonly dport?: Ranges | undefined;
}

/** The port of mail between servers (RFC 5321). */
export const MAIL = 25;

const ANY: Readonly<Record<'proto' | 'dst' | 'dport', Range>> = {
  proto: [0, 0xff],
  dst: [0, 0xffffffff],
  dport: [0, 0xffff],
};

const holds = ([first, last]: Range, value: number): boolean => first <= value && value <= last;

/** A range in parts, so that a value is not in them, or apart from the rest. */
function split([first, last]: Range, value: number, keep: boolean): Range[] {
  if (!holds([first, last], value)) return [[first, last]];
  const parts: Range[] = [];
  if (first < value) parts.push([first, value - 1]);
  if (keep) parts.push([value, value]);
  if (value < last) parts.push([value + 1, last]);
  return parts;
}

/** Whether an entry is about TCP port 25, and does not just contain it. */
export const namesMail = ({ proto = [ANY.proto], dport = [] }: CeilingEntry): boolean =>
  proto.some((range) => holds(range, PROTOCOL.tcp)) && dport.some(([first, last]) => first === MAIL && last === MAIL);

/**
 * The boxes of an entry. Those of TCP are apart from others, and leave out port 25 unless the entry names it: what answers
 * somebody who connected from his port 25 does not leave either, so that nothing ever goes to a mail server.
 */
export function boxesOf(entry: CeilingEntry): CeilingBox[] {
  const { replyOnly, proto = [ANY.proto], dst = [ANY.dst], dport = [ANY.dport] } = entry;
  const noMail = dport.flatMap((range) => split(range, MAIL, false));
  return proto
    .flatMap((range) => split(range, PROTOCOL.tcp, true))
    .flatMap((part) => {
      const ports = part[0] === PROTOCOL.tcp && !namesMail(entry) ? noMail : dport;
      return dst.flatMap((addresses) => ports.map((port) => ({ replyOnly, proto: part, dst: addresses, dport: port })));
    });
}

/** That of a policy without one: answers to whoever contacted a clone. */
export const DEFAULT_CEILING: Ceiling = {
  boxes: boxesOf({ replyOnly: true }),
  mail: false,
  entries: ['reply'],
  place: 'default',
};

/** What is left of a ceiling where the graph does not allow mail. */
export function withoutMail(ceiling: Ceiling): Ceiling {
  if (!ceiling.mail) return ceiling;
  const boxes = ceiling.boxes.flatMap((box) =>
    holds(box.proto, PROTOCOL.tcp) ? split(box.dport, MAIL, false).map((dport) => ({ ...box, dport })) : [box],
  );
  return { ...ceiling, boxes, mail: false };
}

/** A ceiling for people, a line each. */
export function describeCeiling({ entries, mail }: Ceiling): string[] {
  if (entries.length === 0) return ['nothing'];
  const said = entries.map((entry) => (entry === 'reply' ? 'reply: answers to whoever contacted a clone' : entry));
  return [...said, ...(mail ? [] : [`nothing of it to TCP port ${MAIL}`])];
}
