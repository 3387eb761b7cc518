import { PROTOCOL } from '../../packet/protocol.js';
import { suggestion } from '../../pipeline/click/suggest.js';
import { StatementError, type Word } from './text.js';

/** Whom a limit counts for: each has a counter of its own. */
export const LEVELS = ['clone', 'universe', 'destination', 'farm'] as const;
export type Level = (typeof LEVELS)[number];

/** What a limit counts. Flows and destinations count when a flow is decided, packets and bytes with every packet. */
export const MEASURES = ['flows', 'destinations', 'packets', 'bytes'] as const;
export type Measure = (typeof MEASURES)[number];

/** Protocols that are counted apart, by the number that `protocolClass` gives. */
export const CLASSES = ['tcp', 'udp', 'icmp', 'other'] as const;
export type ProtocolClass = (typeof CLASSES)[number];

const PERIODS: Readonly<Record<string, number>> = { second: 1, minute: 60, hour: 3600, day: 86_400 };

/** Distinct destinations that one counter can tell apart. */
const DESTINATIONS = 4096;

/** Limits that one verdict can have. */
export const MOST_LIMITS = 64;

/** So much of something in so much time. */
export interface Limit {
  readonly measure: Measure;
  /** Of which protocol alone; of any if undefined. */
  readonly protocol: ProtocolClass | undefined;
  readonly most: number;
  readonly seconds: number;
  readonly level: Level;
  /** As it is written: "tcp 20/hour per clone". */
  readonly text: string;
}

/** 0 to 3: the place in CLASSES. */
export function protocolClass(proto: number): number {
  return proto === PROTOCOL.tcp ? 0 : proto === PROTOCOL.udp ? 1 : proto === PROTOCOL.icmp ? 2 : 3;
}

/** Whether a limit is about packets of a class. */
export const concerns = (limit: Limit, of: number): boolean =>
  limit.protocol === undefined || CLASSES[of] === limit.protocol;

/** Whether a limit counts every packet, and not only the first of a flow. */
export const isPerPacket = ({ measure }: Limit): boolean => measure === 'packets' || measure === 'bytes';

/**
 * Reads limits with commas between them: `tcp 20/hour, udp 20/hour per clone, bytes 10M/day per farm`. `per` is said of all
 * limits before it that have none.
 * @throws {StatementError} @param next what comes after them; nothing if its text is empty
 */
export function readLimits(words: readonly Word[], next: Word): Limit[] {
  const limits: Limit[] = [];
  let open: Omit<Limit, 'level' | 'text'>[] = [];
  let at = 0;
  const word = () => words[at]?.text ?? '';
  const fail = (expected: string, names: readonly string[] = []): never => {
    const { text, offset } = words[at] ?? next;
    const came = text === '' ? 'nothing' : `'${text}'${suggestion(text, names)}`;
    throw new StatementError(offset, `expected ${expected}, not ${came}`);
  };
  for (;;) {
    const protocol = CLASSES.find((name) => name === word());
    if (protocol) at++;
    const measure = MEASURES.find((name) => name === word()) ?? 'flows';
    if (measure === word()) at++;
    const { most, seconds } = readRate(word(), measure) ?? fail(EXAMPLES[measure], [...CLASSES, ...MEASURES]);
    if (measure === 'destinations' && most > DESTINATIONS) fail(`at most ${DESTINATIONS} destinations`);
    at++;
    open.push({ measure, protocol, most, seconds });
    if (limits.length + open.length > MOST_LIMITS) fail(`at most ${MOST_LIMITS} limits`);
    if (word() === 'per') {
      at++;
      const level = LEVELS.find((name) => name === word()) ?? fail(`one of ${LEVELS.join(', ')} after 'per'`, LEVELS);
      at++;
      for (const limit of open) limits.push({ ...limit, level, text: describe(limit, level) });
      open = [];
    }
    if (at === words.length) break;
    if (word() !== ',') fail(open.length > 0 ? "a comma, 'per' or 'then'" : "a comma or 'then'");
    at++;
  }
  if (open.length > 0) fail("'per clone', 'per universe', 'per destination' or 'per farm'");
  return limits;
}

const EXAMPLES: Readonly<Record<Measure, string>> = {
  flows: "a limit such as 'tcp 20/hour'",
  destinations: "a limit such as 'destinations 20/hour'",
  packets: "a limit such as 'packets 1k/minute'",
  bytes: "a limit such as 'bytes 10M/hour'",
};

function readRate(text: string, measure: Measure): { most: number; seconds: number } | undefined {
  const match = /^(\d{1,12})([kMG]?)\/([a-z]+)$/.exec(text);
  const seconds = match && Object.hasOwn(PERIODS, match[3]!) ? PERIODS[match[3]!] : undefined;
  if (!match || seconds === undefined) return undefined;
  const power = ['', 'k', 'M', 'G'].indexOf(match[2]!);
  return { most: Number(match[1]) * (measure === 'bytes' ? 1024 : 1000) ** power, seconds };
}

function describe({ measure, protocol, most, seconds }: Omit<Limit, 'level' | 'text'>, level: Level): string {
  const period = Object.keys(PERIODS).find((name) => PERIODS[name] === seconds);
  const what = [protocol, measure === 'flows' && protocol ? undefined : measure].filter(Boolean).join(' ');
  const base = measure === 'bytes' ? 1024 : 1000;
  let [amount, unit] = [most, ''];
  for (const next of ['k', 'M', 'G']) {
    if (amount === 0 || amount % base !== 0) break;
    [amount, unit] = [amount / base, next];
  }
  return `${what} ${amount}${unit}/${period} per ${level}`;
}
