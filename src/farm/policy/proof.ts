import { PROTOCOL } from '../../packet/protocol.js';
import { UNIVERSE_KINDS } from '../universes.js';
import { forwards } from './actions.js';
import { type Box, BoxIndex, Budget, TooHard, uncovered } from './boxes.js';
import { type Ceiling, type CeilingBox, MAIL } from './ceiling.js';
import { describeFlow } from './decisions.js';
import { OTHER_IMAGE, WAY } from './facts.js';
import type { Rule } from './parser.js';
import { DIMENSION, EVERYTHING, regionsOf } from './regions.js';

/** Steps that a proof may take: a second or two. */
const STEPS = 30_000_000;

/** Rules that are complained about. */
const PROBLEMS = 20;

/** What is covered, by the ceiling or since an earlier rule decides about it. */
interface Cover {
  readonly box: Box;
  /** The number of the rule; -1 if it is none. */
  readonly rule: number;
}

type Wanted = Partial<Record<keyof typeof DIMENSION, readonly [first: number, last: number]>>;

function boxOf(wanted: Wanted): Box {
  const box = [...EVERYTHING];
  for (const [name, range] of Object.entries(wanted)) box.splice(2 * DIMENSION[name as keyof Wanted], 2, ...range);
  return box;
}

const BEYOND = 0xffffffff;

/** What never leaves, whatever the rules say, since `exit.ts` and the rule before all see to it, or cannot be. */
const NEVER: readonly Box[] = [
  boxOf({ way: [WAY.answer, BEYOND] }),
  boxOf({ kind: [UNIVERSE_KINDS.length, BEYOND] }),
  boxOf({ way: [WAY.reply, WAY.reply], proto: [PROTOCOL.tcp, PROTOCOL.tcp], dport: [MAIL, MAIL] }),
];

function boxesOf({ replyOnly, proto, dst, dport }: CeilingBox): Box {
  return boxOf({ way: replyOnly ? [WAY.reply, WAY.reply] : [WAY.begun, WAY.reply], proto, dst, dport });
}

/**
 * Proves that the rules of a policy let nothing out that its ceiling does not allow, in a universe of any kind and from clones of
 * any image. For each rule that forwards, of all packets that it may match those are taken away that the ceiling allows, and
 * those that an earlier rule surely decides about; what is left is a counterexample. So it is exact for rules that
 * ask for the direction, protocol, destination and its port, the kind of universe and the image; of what else they ask it may
 * be so or not.
 * @param images by number
 * @returns what is wrong, each with its place
 */
export function prove(rules: readonly Rule[], ceiling: Ceiling, images: readonly string[]): string[] {
  const problems: string[] = [];
  const budget = new Budget(STEPS);
  const forwarding = rules.map(({ action }) => forwards(action));
  const last = forwarding.lastIndexOf(true);
  let number = 0;
  try {
    const covers: Cover[] = [...NEVER, ...ceiling.boxes.map(boxesOf)].map((box) => ({ box, rule: -1 }));
    for (; number < last; number++) {
      for (const box of regionsOf(rules[number]!.tree, true, budget)) covers.push({ box, rule: number });
    }
    const index = new BoxIndex(covers, DIMENSION.dst);
    for (number = 0; number <= last && problems.length < PROBLEMS; number++) {
      if (!forwarding[number]) continue;
      const left = leaves(rules[number]!, number, index, budget);
      if (left) problems.push(`${rules[number]!.place}:1: ${complaint(left, ceiling, images)}`);
    }
  } catch (error) {
    if (!(error instanceof TooHard)) throw error;
    problems.push(
      `${rules[number]!.place}:1: it cannot be proved that this stays within the ceiling: ${error.message}; ` +
        'expected fewer rules, or smaller sets, before a rule that forwards',
    );
  }
  return problems;
}

/** Packets that a rule may let out and nothing covers. */
function leaves(rule: Rule, number: number, index: BoxIndex<Cover>, budget: Budget): Box | undefined {
  for (const box of regionsOf(rule.tree, false, budget)) {
    const covers = index.meeting(box, budget).filter((cover) => cover.rule < number);
    const left = uncovered(
      box,
      covers.sort((a, b) => a.rule - b.rule).map((cover) => cover.box),
      budget,
    );
    if (left) return left;
  }
  return undefined;
}

/**
 * Whether all that one ceiling allows is allowed by another.
 * @returns a packet that is not, in words
 */
export function beyond(inner: Ceiling, outer: Ceiling): string | undefined {
  const budget = new Budget(STEPS);
  const index = new BoxIndex(
    outer.boxes.map((box) => ({ box: boxesOf(box) })),
    DIMENSION.dst,
  );
  try {
    for (const box of inner.boxes.map(boxesOf)) {
      const covers = index.meeting(box, budget).map((cover) => cover.box);
      const left = uncovered(box, covers, budget);
      if (left) return describe(left, []);
    }
  } catch (error) {
    if (!(error instanceof TooHard)) throw error;
    return 'something that takes too many steps to find';
  }
  return undefined;
}

function complaint(left: Box, ceiling: Ceiling, images: readonly string[]): string {
  const packet = describe(left, images);
  if (ceiling.place === 'default')
    return `forwards what is no answer, such as ${packet}: expected a block 'ceiling { … }' that says what may ever leave`;
  const mail = left[2 * DIMENSION.proto] === PROTOCOL.tcp && left[2 * DIMENSION.dport + 1] === MAIL;
  const hint = mail ? "; mail leaves only if an entry has 'dst port 25', and the ExportPolicy MAIL allow" : '';
  return `forwards what the ceiling at ${ceiling.place} does not allow, such as ${packet}${hint}`;
}

/** A value of a dimension; one of those that people know, if it is among them. */
function pick(box: Box, name: keyof typeof DIMENSION, known: readonly number[]): number {
  const at = 2 * DIMENSION[name];
  return known.find((value) => box[at]! <= value && value <= box[at + 1]!) ?? box[at]!;
}

/** A packet of a box, in words: `tcp 10.99.1.2:1024 > 8.8.8.8:25, which the clone begins`. */
function describe(box: Box, images: readonly string[]): string {
  const proto = pick(box, 'proto', [PROTOCOL.tcp, PROTOCOL.udp, PROTOCOL.icmp]);
  const packet = describeFlow({
    proto,
    src: 0x0a630102,
    sport: 1024,
    dst: pick(box, 'dst', [0x08080808]),
    dport: pick(box, 'dport', [proto === PROTOCOL.tcp ? 80 : 53]),
  });
  const parts = [pick(box, 'way', []) === WAY.begun ? 'which the clone begins' : 'which answers the outside'];
  if (box[2 * DIMENSION.kind]! > 0 || box[2 * DIMENSION.kind + 1]! < UNIVERSE_KINDS.length - 1)
    parts.push(`in a universe that is ${UNIVERSE_KINDS[pick(box, 'kind', [])]}`);
  const image = pick(box, 'image', [OTHER_IMAGE]);
  if (image !== OTHER_IMAGE) parts.push(`from image ${images[image]}`);
  return `${packet}, ${parts.join(', ')}`;
}
