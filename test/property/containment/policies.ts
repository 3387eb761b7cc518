/** Policies that are made at random, and printed in the language. */
import fc from 'fast-check';
import { formatAddress } from '../../../src/packet/address.js';
import { isLater, type Look } from './bytes.js';
import {
  type Action,
  type Condition,
  type Entry,
  type Limit,
  type PolicyData,
  PROTOCOLS,
  protocolOf,
  type Rule,
} from './policy-data.js';

const few = <T>(...values: readonly T[]) => fc.constantFrom(...values);
const say = (text: string, holds: Condition['holds'], more: Partial<Condition> = {}): Condition => ({
  text,
  holds,
  ...more,
});

const COMPARE: Readonly<Record<string, (a: number, b: number) => boolean>> = {
  '>': (a, b) => a > b,
  '<': (a, b) => a < b,
  '>=': (a, b) => a >= b,
  '=': (a, b) => a === b,
  '!=': (a, b) => a !== b,
};

export const ADDRESSES = [0xc6336401, 0xc6336402, 0x0a630001, 0x0a630002, 0x08080808];
const SETS: Readonly<Record<string, readonly number[]>> = {
  peers: ADDRESSES.slice(0, 2),
  ours: ADDRESSES.slice(2, 4),
  some: [ADDRESSES[0]!, ADDRESSES[2]!, ADDRESSES[4]!],
};
const PORTS: Readonly<Record<string, (port: number) => boolean>> = {
  low: (port) => port < 1024,
  web: (port) => port === 80 || (port >= 8000 && port <= 8100),
};
const DEFINITIONS = [
  ...Object.entries(SETS).map(([name, list]) => `set ${name} = ${list.map(formatAddress).join(', ')}`),
  'ports low = 0-1023',
  'ports web = http, 8000-8100',
];

const ported = (packet: Look) => (packet.proto === 6 || packet.proto === 17) && !isLater(packet);

const primitive: fc.Arbitrary<Condition> = fc.oneof(
  { weight: 3, arbitrary: fc.constant(say('all', () => true)) },
  { weight: 3, arbitrary: few('begun', 'reply').map((name) => say(name, (_, { way }) => way === name)) },
  {
    weight: 3,
    arbitrary: few('tcp', 'udp', 'icmp').map((name) => say(name, (packet) => protocolOf(packet) === name)),
  },
  fc.tuple(few('src', 'dst'), few(8, 31, 32), few(...ADDRESSES)).map(([end, bits, address]) => {
    const prefix = formatAddress(bits === 32 ? address : ((address >>> (32 - bits)) << (32 - bits)) >>> 0);
    return say(
      bits === 32 ? `${end} host ${prefix}` : `${end} net ${prefix}/${bits}`,
      (packet) => packet[end as 'src' | 'dst'] >>> (32 - bits) === address >>> (32 - bits),
    );
  }),
  fc
    .tuple(few('src', 'dst'), few(...Object.keys(SETS)))
    .map(([end, set]) => say(`${end} set ${set}`, (packet) => SETS[set]!.includes(packet[end as 'src' | 'dst']))),
  fc
    .tuple(few('sport', 'dport'), few(...Object.keys(PORTS)))
    .map(([end, ports]) =>
      say(
        `${end === 'sport' ? 'src' : 'dst'} ports ${ports}`,
        (packet) => ported(packet) && PORTS[ports]!(packet[end as 'sport' | 'dport']),
      ),
    ),
  fc
    .tuple(few('sport', 'dport'), few(...Object.keys(COMPARE)), few(25, 80, 1234))
    .map(([end, op, port]) =>
      say(
        `${end === 'sport' ? 'src' : 'dst'} port ${op} ${port}`,
        (packet) => ported(packet) && COMPARE[op]!(packet[end as 'sport' | 'dport'], port),
      ),
    ),
  fc
    .tuple(few('>', '<', '='), few(1, 2))
    .map(([op, depth]) => say(`depth ${op} ${depth}`, (_, facts) => COMPARE[op]!(facts.depth, depth))),
  {
    weight: 3,
    arbitrary: fc
      .tuple(few('>', '<', '>='), few(2, 30))
      .map(([op, age]) =>
        say(`age ${op} ${age}s`, (_, facts) => COMPARE[op]!(facts.age, age), { ages: [op === '>' ? age + 1 : age] }),
      ),
  },
  few('linux', 'windows').map((image) => say(`image ${image}`, (_, facts) => facts.image === image)),
  few('contacted', 'reflected').map((word) => say(word, (_, facts) => facts.contacted === (word === 'contacted'))),
  few('inward', 'outward').map((word) => say(word, (_, facts) => facts.toClone === (word === 'inward'))),
  fc.constant(say('originator', (_, facts) => facts.toOriginator)),
  few(9, 40).map((ttl) => say(`ip ttl > ${ttl}`, (packet) => packet.ttl > ttl)),
  few('00', '4745').map((hex) =>
    say(`payload 0x${hex}`, (packet) => !isLater(packet) && packet.payload.toString('hex').startsWith(hex), {
      payload: true,
    }),
  ),
);

const both = (a: Condition, b: Condition) => ({
  ages: [...(a.ages ?? []), ...(b.ages ?? [])],
  payload: (a.payload ?? false) || (b.payload ?? false),
});

const condition: fc.Arbitrary<Condition> = fc.oneof(
  { weight: 5, arbitrary: primitive },
  primitive.map((a) => say(`not (${a.text})`, (packet, facts) => !a.holds(packet, facts), a)),
  {
    weight: 2,
    arbitrary: fc
      .tuple(primitive, primitive)
      .map(([a, b]) => say(`(${a.text}) and (${b.text})`, (p, f) => a.holds(p, f) && b.holds(p, f), both(a, b))),
  },
  fc
    .tuple(primitive, primitive)
    .map(([a, b]) => say(`(${a.text}) or (${b.text})`, (p, f) => a.holds(p, f) || b.holds(p, f), both(a, b))),
);

const limit: fc.Arbitrary<Limit> = fc
  .record({
    measure: few('flows' as const, 'flows' as const, 'destinations' as const, 'packets' as const, 'bytes' as const),
    most: few(0, 1, 1, 2, 3, 5),
    period: few('day' as const, 'day' as const, 'hour' as const, 'minute' as const),
    level: few('clone' as const, 'universe' as const, 'destination' as const, 'farm' as const),
  })
  .map(({ measure, most, ...rest }) => ({
    ...rest,
    measure,
    most: measure === 'bytes' ? most * 60 : measure === 'packets' ? most * 2 : most,
    protocol: undefined,
  }));

/** Either limits of any protocol, or one for each. */
const limits: fc.Arbitrary<readonly Limit[]> = fc.oneof(
  { weight: 3, arbitrary: fc.array(limit, { minLength: 1, maxLength: 3 }) },
  fc.tuple(limit, limit, limit, limit).map((list) => list.map((each, i) => ({ ...each, protocol: PROTOCOLS[i] }))),
);

const plain = (verdict: string): Action => ({ verdict, limits: [], otherwise: undefined });
const inner = few('reflect', 'drop', 'reset', 'redirect linux').map(plain);
const action: fc.Arbitrary<Action> = fc.oneof(
  { weight: 2, arbitrary: inner },
  { weight: 2, arbitrary: fc.constant(plain('forward')) },
  {
    weight: 5,
    arbitrary: fc
      .tuple(
        few('forward', 'forward', 'forward', 'reflect'),
        limits,
        fc.oneof(
          { weight: 3, arbitrary: inner },
          fc.tuple(limits, inner).map(([list, then]) => ({ verdict: 'reflect', limits: list, otherwise: then })),
        ),
      )
      .map(([verdict, list, otherwise]) => ({ verdict, limits: list, otherwise })),
  },
);

const section: fc.Arbitrary<readonly Condition[]> = fc.oneof(
  { weight: 8, arbitrary: fc.constant([]) },
  few('closed', 'open').map((kind) => [say(`universe ${kind}`, (_, facts) => facts.kind === kind)]),
  few('linux', 'windows').map((image) => [say(`image ${image}`, (_, facts) => facts.image === image)]),
);

const rule: fc.Arbitrary<Rule> = fc.record({ sections: section, condition, action });

const allows = (text: string, holds: Entry['holds']): Entry => ({ text, holds });
const isMail = ({ proto, dport }: Look): boolean => proto === 6 && dport === 25;

/** Ceilings, each with rules that keep a policy below it. A proof over the policy refuses what could rise above. */
const CEILINGS: readonly { readonly entries: readonly Entry[]; readonly rules: readonly Rule[] }[] = [
  {
    entries: [allows('dst net 0.0.0.0/0', (packet) => !isMail(packet))],
    rules: [],
  },
  {
    entries: [
      allows('reply', (packet, way) => way === 'reply' && !isMail(packet)),
      allows('udp', ({ proto }) => proto === 17),
      allows('tcp and dst port 80', ({ proto, dport }) => proto === 6 && dport === 80),
    ],
    rules: [
      {
        sections: [],
        condition: say(
          'begun and not (udp or (tcp and dst port 80))',
          (packet, { way }) =>
            way === 'begun' &&
            !(packet.proto === 17 || (packet.proto === 6 && !isLater(packet) && packet.dport === 80)),
        ),
        action: { verdict: 'reflect', limits: [], otherwise: undefined },
      },
    ],
  },
];
const MAIL: Rule = {
  sections: [],
  condition: say('tcp and dst port 25', (packet) => !isLater(packet) && isMail(packet)),
  action: { verdict: 'reflect', limits: [], otherwise: undefined },
};

/** Rules as people write them, which let out more than chance would. */
const usual = (condition: Condition, action: Action): Rule => ({ sections: [], condition, action });
const REPLY = usual(
  say('reply', (_, { way }) => way === 'reply'),
  plain('forward'),
);
const begun: fc.Arbitrary<Rule> = fc
  .tuple(fc.array(limit, { minLength: 1, maxLength: 3 }), inner)
  .map(([list, otherwise]) =>
    usual(
      say('begun', (_, { way }) => way === 'begun'),
      { verdict: 'forward', limits: list, otherwise },
    ),
  );
const most: fc.Arbitrary<readonly Rule[]> = fc.oneof(
  fc.constant([]),
  fc.constant([REPLY]),
  begun.map((rule) => [REPLY, rule]),
  fc.tuple(begun, rule).map(([first, other]) => [first, REPLY, other]),
);

const rules: fc.Arbitrary<readonly Rule[]> = fc.oneof(
  {
    weight: 2,
    arbitrary: fc.tuple(fc.array(rule, { minLength: 1, maxLength: 5 }), most).map(([some, end]) => [...some, ...end]),
  },
  fc.tuple(most, fc.array(rule, { minLength: 1, maxLength: 2 })).map(([start, some]) => [...start, ...some]),
);

export const policyData: fc.Arbitrary<PolicyData> = fc.tuple(rules, few(0, 0, 0, 1)).map(([list, ceiling]) => ({
  rules: [MAIL, ...CEILINGS[ceiling]!.rules, ...list],
  ceiling: CEILINGS[ceiling]!.entries,
}));

function printAction({ verdict, limits: list, otherwise }: Action): string {
  if (!otherwise) return verdict;
  const written = list.map(
    ({ protocol, measure, most, period, level }) =>
      `${protocol ? `${protocol} ` : ''}${measure} ${most}/${period} per ${level}`,
  );
  return `${verdict} limit ${written.join(', ')} then ${printAction(otherwise)}`;
}

/** A policy in the language. */
export function print({ rules, ceiling }: PolicyData): string {
  const lines = [...DEFINITIONS];
  lines.push('ceiling {', ...ceiling.map(({ text }) => text), '}');
  for (const {
    sections,
    condition: { text },
    action,
  } of rules) {
    lines.push(
      ...sections.map((each) => `${each.text} {`),
      `${text} -> ${printAction(action)}`,
      ...sections.map(() => '}'),
    );
  }
  return `${lines.join('\n')}\n`;
}
