/** The text of the kernel's filter. */
import { entranceChains } from './entrance.js';
import { deviceChains } from './exit.js';
import { type FilterPlan, LEARNT, type Learnt, PASSED, REASONS, TABLE, UNNOTED } from './plan.js';
import { chainText } from './text.js';

/**
 * Conversations at once. Who floods the telescope fills the first, so that nobody new is answered until they expire; those
 * that a clone has answered are apart.
 */
const CONTACTED: Readonly<Record<Learnt, number>> = { tcp: 1 << 19, udp: 1 << 19, echo: 1 << 17 };
const ANSWERED: Readonly<Record<Learnt, number>> = { tcp: 1 << 18, udp: 1 << 18, echo: 1 << 16 };
const FRAGMENTS = 1 << 14;

/** Seconds that a clone has for its first answer, and that a datagram's fragments may take. */
const FIRST_ANSWER = 30;
const FRAGMENT_TIMEOUT = 30;

/** A set whose members are noted as packets pass: addresses, then two numbers. Its type is told by fields of the same width. */
const set = (name: string, numbers: string, size: number, timeout: number): string =>
  `  set ${name} {\n    typeof @nh,0,32 . @nh,32,32 . ${numbers}\n` +
  `    flags dynamic,timeout\n    size ${size}\n    timeout ${timeout}s\n  }\n`;

const PORT_PAIR = '@nh,64,16 . @nh,80,16';
const PROTOCOL_AND_ID = '@nh,64,8 . @nh,72,16';

function byDevice<T extends { readonly device: string }>(places: readonly T[]): T[][] {
  return [...new Set(places.map(({ device }) => device))].map((device) =>
    places.filter((one) => one.device === device),
  );
}

/** What nft is given: it replaces the table, if there is one, in one step. */
export function rulesetText(plan: FilterPlan): string {
  const { exits, entrances, quiet } = plan;
  const chains = [
    ...byDevice(exits).flatMap((group, i) => deviceChains(i, group, plan)),
    ...byDevice(entrances).flatMap((group, i) => entranceChains(i, group[0]!.device, group)),
  ];
  return [
    // Deleting what may not be there is an error; so it is made first.
    `table netdev ${TABLE}\ndelete table netdev ${TABLE}\ntable netdev ${TABLE} {\n`,
    ...[PASSED, ...Object.keys(REASONS), UNNOTED].map((name) => `  counter ${name} {\n  }\n`),
    ...LEARNT.flatMap((kind) => [
      set(`contacted_${kind}`, PORT_PAIR, CONTACTED[kind], FIRST_ANSWER),
      set(`answered_${kind}`, PORT_PAIR, ANSWERED[kind], quiet[kind]),
    ]),
    set('fragments', PROTOCOL_AND_ID, FRAGMENTS, FRAGMENT_TIMEOUT),
    ...chains.map(chainText),
    '}\n',
  ].join('');
}
