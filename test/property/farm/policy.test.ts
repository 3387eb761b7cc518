/** Random policies and packets: what was compiled decides as a plain reading of the rules does. */
import fc from 'fast-check';
import t from 'tap';
import { formatAddress } from '../../../src/packet/address.js';
import { Packets } from '../../../src/packet/packets.js';
import { FACTS_AT, loadColumns, matches, program } from '../../../src/packet/pattern/interpret.js';
import { compile, parsePattern } from '../../../src/packet/pattern/pattern.js';
import { possible } from '../../../src/packet/pattern/ranges.js';
import { columnsOf, craft, type Wanted, wantedPacket } from '../../unit/craft.js';
import { type Asked, decide, policyOf } from '../../unit/farm/policy/asker.js';

/** A condition as text, and what it means. */
interface Condition {
  readonly text: string;
  readonly holds: (packet: Wanted & Asked) => boolean;
}

const few = <T>(...values: readonly T[]) => fc.constantFrom(...values);
const later = ({ fragment = 0 }: Wanted) => (fragment & 0x1fff) > 0;
const ported = (packet: Wanted) => (packet.proto === 6 || packet.proto === 17) && !later(packet);
const say = (text: string, holds: Condition['holds']): Condition => ({ text, holds });

const addresses = [0xc6336401, 0xc6336402, 0x0a000001, 0x0a630001, 0x0a630002, 0xc0000201, 0xe0000001, 0xffffffff];
const compare: Readonly<Record<string, (a: number, b: number) => boolean>> = {
  '>': (a, b) => a > b,
  '<': (a, b) => a < b,
  '>=': (a, b) => a >= b,
  '<=': (a, b) => a <= b,
  '=': (a, b) => a === b,
  '!=': (a, b) => a !== b,
};

const SETS: Readonly<Record<string, readonly number[]>> = {
  a: addresses.slice(0, 3),
  b: [addresses[4]!],
  c: addresses,
};
const PORTS: Readonly<Record<string, (port: number) => boolean>> = {
  low: (port) => port < 1024,
  some: (port) => [22, 80, 443].includes(port) || (port >= 8000 && port <= 8100),
};
const DEFINITIONS = [
  ...Object.entries(SETS).map(([name, list]) => `set ${name} = ${list.map(formatAddress).join(', ')}`),
  'ports low = 0-1023',
  'ports some = ssh, 80, https, 8000-8100',
].join('\n');

const primitive: fc.Arbitrary<Condition> = fc.oneof(
  few('tcp', 'udp', 'icmp').map((name) => say(name, ({ proto }) => proto === { tcp: 6, udp: 17, icmp: 1 }[name])),
  few('begun', 'reply').map((name) => say(name, ({ way }) => way === name)),
  fc
    .tuple(few('src', 'dst'), few(...addresses))
    .map(([end, address]) =>
      say(`${end} host ${formatAddress(address)}`, (packet) => packet[end as 'src' | 'dst'] === address),
    ),
  fc
    .tuple(few('src', 'dst'), few(8, 16, 31), few(...addresses))
    .map(([end, bits, address]) =>
      say(
        `${end} net ${formatAddress(address)}/${bits}`,
        (packet) => packet[end as 'src' | 'dst']! >>> (32 - bits) === address >>> (32 - bits),
      ),
    ),
  fc
    .tuple(few('src', 'dst'), few(...Object.keys(SETS)))
    .map(([end, set]) => say(`${end} set ${set}`, (packet) => SETS[set]!.includes(packet[end as 'src' | 'dst']!))),
  fc
    .tuple(few('src', 'dst'), few(...Object.keys(PORTS)))
    .map(([end, ports]) =>
      say(
        `${end} ports ${ports}`,
        (packet) => ported(packet) && PORTS[ports]!(packet[end === 'src' ? 'sport' : 'dport']!),
      ),
    ),
  fc.tuple(few('src', 'dst'), few(...Object.keys(compare)), few(0, 22, 80, 1024, 65535)).map(([end, op, port]) =>
    say(`${end} port ${op} ${port}`, (packet) => {
      const value = packet[end === 'src' ? 'sport' : 'dport']!;
      // `!=` denies the whole of it but for the protocol.
      return ported(packet) && compare[op]!(value, port);
    }),
  ),
  fc
    .tuple(few(...Object.keys(compare)), few(0, 1, 2, 3))
    .map(([op, depth]) => say(`depth ${op} ${depth}`, ({ sender }) => compare[op]!(sender!.depth!, depth))),
  fc
    .tuple(few('>', '<', '>=', '<='), few(0, 60, 3600))
    .map(([op, age]) => say(`age ${op} ${age}s`, (packet) => compare[op]!(packet.age!, age))),
  few('linux', 'windows').map((image) => say(`image ${image}`, ({ sender }) => sender!.image === image)),
  few('contacted', 'reflected').map((word) => say(word, ({ sender }) => sender!.contacted === (word === 'contacted'))),
  few('inward', 'outward').map((word) =>
    say(word, ({ sender, way }) => (way === 'answer' || (way === 'begun' && sender!.toClone!)) === (word === 'inward')),
  ),
  fc.constant(say('originator', ({ sender, dst }) => sender!.source === dst)),
  fc.uint8Array({ minLength: 1, maxLength: 5 }).map((bytes) => {
    const hex = Buffer.from(bytes).toString('hex');
    return say(`payload 0x${hex}`, (packet) => {
      if (later(packet) || ![1, 6, 17].includes(packet.proto!)) {
        return !later(packet) && Buffer.from(packet.payload!).toString('hex').startsWith(hex);
      }
      return Buffer.from(packet.payload!).toString('hex').startsWith(hex);
    });
  }),
);

const { condition } = fc.letrec<{ condition: Condition }>((tie) => ({
  condition: fc.oneof(
    { maxDepth: 3, depthSize: 'small' },
    primitive,
    tie('condition').map(({ text, holds }) => say(`not (${text})`, (packet) => !holds(packet))),
    fc
      .tuple(tie('condition'), tie('condition'))
      .map(([a, b]) => say(`(${a.text}) and (${b.text})`, (packet) => a.holds(packet) && b.holds(packet))),
    fc
      .tuple(tie('condition'), tie('condition'))
      .map(([a, b]) => say(`(${a.text}) or (${b.text})`, (packet) => a.holds(packet) || b.holds(packet))),
  ),
}));

const section = fc.option(
  few(
    say('universe closed', ({ sender }) => sender!.kind === 'closed'),
    say('universe shared', ({ sender }) => sender!.kind === 'shared'),
    say('image linux', ({ sender }) => sender!.image === 'linux'),
  ),
  { nil: undefined, freq: 3 },
);
const rule = fc.tuple(condition, section);

const sender = fc.record({
  kind: few('closed' as const, 'open' as const, 'shared' as const),
  source: few(...addresses),
  depth: fc.nat(4),
  contacted: fc.boolean(),
  image: few('linux', 'windows', 'other'),
  toClone: fc.boolean(),
});
const asked = fc
  .tuple(
    wantedPacket,
    few('begun' as const, 'reply' as const, 'answer' as const),
    few(0, 59, 60, 61, 3600, 9999),
    sender,
  )
  .map(([wanted, way, age, sender]): Asked => ({ ...wanted, way, age, sender }));

t.test('a compiled policy decides as its rules read', async () => {
  fc.assert(
    fc.property(
      fc.array(rule, { maxLength: 70, size: 'max' }),
      fc.array(asked, { minLength: 1, maxLength: 20 }),
      (rules, packets) => {
        const lines = rules.map(([{ text }, section]) =>
          section ? `${section.text} {\n${text} -> drop\n}` : `${text} -> drop`,
        );
        const policy = policyOf([DEFINITIONS, ...lines].join('\n'));
        for (const packet of packets) {
          const expected = rules.findIndex(([{ holds }, section]) => holds(packet) && (section?.holds(packet) ?? true));
          const found = policy.rules.indexOf(decide(policy, packet));
          if (found !== expected)
            throw new Error(
              `rule ${found}, not ${expected}, decided about ${JSON.stringify(packet)}:\n${lines[expected] ?? lines[found]}`,
            );
        }
      },
    ),
    { numRuns: 400 },
  );
});

/** Patterns of IPFilter, some of them with bytes of the packet. */
const PATTERNS = [
  'tcp and not src port 80',
  'ip ttl > 64 or icmp type echo',
  'tcp opt syn and not tcp opt ack',
  'dst net 10.0.0.0/8 ? udp : tcp win > 1024',
  'src or dst port 53 or frag',
  'ip tos 16 and transp[0:4] > 70000',
  'not (src net 198.51.100.0/30 and dst port != 443)',
  'src and dst port > 100',
  'ip[8] & 0x40 = 64',
];

t.test('programs mean the same in JavaScript and in native code, and no index excludes what matches', async () => {
  const parsed = PATTERNS.map((text) => parsePattern(text));
  const native = parsed.map((pattern) => compile([pattern]));
  const ours = parsed.map((pattern) => program(pattern));
  const fields = [
    ['src', 0xffffffff],
    ['dst', 0xffffffff],
    ['sport', 0xffff],
    ['dport', 0xffff],
    ['proto', 0xff],
  ] as const;
  fc.assert(
    fc.property(wantedPacket, fc.nat(60), (wanted, cut) => {
      const packets = new Packets();
      const row = packets.take();
      const bytes = craft(wanted);
      packets.bytes.set(bytes, packets.start[row]!);
      for (const [name, value] of Object.entries(columnsOf(bytes)))
        (packets as unknown as Record<string, Uint32Array>)[name]![row] = value!;
      packets.length[row] = cut > 40 ? bytes.length : Math.min(bytes.length, cut);
      const facts = new Uint32Array(FACTS_AT);
      loadColumns(facts, packets, row);
      for (const [i, text] of PATTERNS.entries()) {
        const expected = native[i]!.classify(packets, row) === 0;
        if (matches(ours[i]!, facts, packets, row) !== expected) throw new Error(`'${text}' differs`);
        for (const [of, most] of fields) {
          const value = packets[of][row]!;
          const allowed = possible(parsed[i]!.tree, { of }, most).some(
            ([first, last]) => first <= value && value <= last,
          );
          if (expected && !allowed)
            throw new Error(`'${text}' matches with ${of} ${value}, which is said to be impossible`);
        }
      }
    }),
    { numRuns: 2000 },
  );
});
