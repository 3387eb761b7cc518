/** Random policies under random ceilings: no packet that a policy forwards is beyond its ceiling, and none is refused without one. */
import fc from 'fast-check';
import t from 'tap';
import { forwards } from '../../../src/farm/policy/actions.js';
import type { CeilingBox } from '../../../src/farm/policy/ceiling.js';
import { PolicyError } from '../../../src/farm/policy/policy.js';
import { parseAddress } from '../../../src/packet/address.js';
import { type Asked, decide, lineOf, policyOf } from '../../unit/farm/policy/asker.js';

const few = <T>(...values: readonly T[]) => fc.constantFrom(...values);
const ADDRESSES = ['192.0.2.1', '192.0.2.2', '192.0.2.129', '198.51.100.7', '8.8.8.8'];
const PORTS = [0, 24, 25, 26, 80, 81, 65_535];
const WAYS = ['begun', 'reply'] as const;
const KINDS = ['closed', 'open', 'shared'] as const;

const about = fc.oneof(
  few('tcp', 'udp', 'icmp', 'ip proto 47'),
  few(...ADDRESSES).map((address) => `dst host ${address}`),
  few('192.0.2.0/24', '192.0.2.128/25', '198.51.100.0/24', '128.0.0.0/1', '0.0.0.0/0').map((net) => `dst net ${net}`),
  few(...PORTS).map((port) => `dst port ${port}`),
);
const entry = fc.uniqueArray(
  fc.oneof(
    about.map((word) => word.replace('ip proto', 'proto')),
    few('reply', 'dst net 0.0.0.0/0', 'tcp'),
  ),
  {
    minLength: 1,
    maxLength: 3,
    selector: (word) =>
      /^(?:tcp|udp|icmp|proto)/.test(word) ? 'proto' : /host|net/.test(word) ? 'net' : word.split(' ', 2).join(),
  },
);
const sound = (words: readonly string[]) =>
  !(words.some((word) => /port/.test(word)) && words.some((word) => /icmp|proto/.test(word)));

const boxlike = fc.oneof(
  about,
  few('begun', 'reply', 'all'),
  few('<', '>', '!=').chain((op) => few(...PORTS).map((port) => `dst port ${op} ${port}`)),
);
const other = few(
  'depth > 2',
  'payload "x"',
  'src host 10.99.1.2',
  'src port 80',
  'age > 1min',
  'tcp opt syn',
  'frag',
  'outward',
  'originator',
);
const match = (primitive: fc.Arbitrary<string>) =>
  fc.letrec<{ match: string }>((tie) => ({
    match: fc.oneof(
      { maxDepth: 2, depthSize: 'small' },
      primitive,
      tie('match').map((a) => `not (${a})`),
      fc.tuple(tie('match'), few('and', 'or'), tie('match')).map(([a, op, b]) => `(${a}) ${op} (${b})`),
    ),
  })).match;
const rule = (primitive: fc.Arbitrary<string>) =>
  fc
    .tuple(
      match(primitive),
      few('drop', 'reflect', 'forward', 'forward', 'limit flows 9/hour per clone then drop'),
      few('', '', '', 'universe open', 'universe shared', 'image linux'),
    )
    .map(([text, verdict, section]) =>
      section ? `${section} {\n(${text}) -> ${verdict}\n}` : `(${text}) -> ${verdict}`,
    );
const written = (primitive: fc.Arbitrary<string>) =>
  fc
    .tuple(
      fc.array(entry.filter(sound), { maxLength: 4 }),
      fc.array(rule(primitive), { minLength: 1, maxLength: 6 }),
      fc.boolean(),
    )
    .map(([entries, rules, mail]) => ({
      ceiling: `ceiling { ${entries.map((words) => words.join(' and ')).join('; ')} }\n`,
      rules: [...(mail ? ['begun and tcp and dst port 25 -> drop'] : []), ...rules].join('\n'),
    }));

const packet: fc.Arbitrary<Asked> = fc.record({
  proto: few(6, 6, 17, 1, 47),
  dst: few(...ADDRESSES).map((address) => parseAddress(address)!),
  dport: few(...PORTS),
  sport: few(80, 1024),
  way: few(...WAYS),
  age: few(0, 100),
  sender: fc.record({
    kind: few(...KINDS),
    depth: fc.nat(4),
    image: few('linux', 'other'),
    source: few(0, 0x08080808),
  }),
});

const inside = (boxes: readonly CeilingBox[], { proto, dst, dport, way }: Asked): boolean => {
  const port = proto === 6 || proto === 17 ? dport! : 0;
  const holds = ([first, last]: readonly [number, number], value: number) => first <= value && value <= last;
  return boxes.some(
    (box) =>
      (way === 'reply' || !box.replyOnly) && holds(box.proto, proto!) && holds(box.dst, dst!) && holds(box.dport, port),
  );
};
/** What the rule before all others drops. */
const mailReply = ({ way, proto, dport }: Asked) => way === 'reply' && proto === 6 && dport === 25;
const read = (text: string) => {
  try {
    return policyOf(text);
  } catch (error) {
    if (error instanceof PolicyError && /forwards what/.test(error.message)) return error;
    throw error;
  }
};

t.test('nothing that a policy forwards is beyond its ceiling', async (t) => {
  let [accepted, left] = [0, 0];
  fc.assert(
    fc.property(
      written(fc.oneof({ weight: 4, arbitrary: boxlike }, other)),
      fc.array(packet, { minLength: 20, maxLength: 60 }),
      ({ ceiling, rules }, packets) => {
        const policy = read(ceiling + rules);
        if (policy instanceof PolicyError) return;
        accepted++;
        for (const asked of packets) {
          if (decide(policy, asked).action.verdict !== 'forward' || mailReply(asked)) continue;
          left++;
          if (!inside(policy.ceiling.boxes, asked))
            throw new Error(`${JSON.stringify(asked)} leaves by\n${ceiling}${rules}`);
        }
      },
    ),
    { numRuns: 1000, interruptAfterTimeLimit: 5000, markInterruptAsFailure: false },
  );
  t.comment(`${accepted} policies accepted, ${left} packets left`);
  t.ok(accepted > 5 && left > 5, 'enough happened to mean something');
});

t.test('a policy is refused only with a packet that it forwards beyond its ceiling', async (t) => {
  let refused = 0;
  const found =
    /x\.policy:(\d+):1: .* such as (tcp|udp|icmp|proto (\d+)) 10\.99\.1\.2(?::\d+)? > ([\d.]+)(?::(\d+))?, which (the clone begins|answers the outside)(?:, in a universe that is (\w+))?(?:, from image (\w+))?/;
  fc.assert(
    fc.property(written(boxlike), ({ ceiling, rules }) => {
      const error = read(ceiling + rules);
      if (!(error instanceof PolicyError)) return;
      const open = policyOf(`ceiling { dst net 0.0.0.0/0; tcp and dst port 25 }\n${rules}`);
      const declared = policyOf(ceiling).ceiling;
      for (const problem of error.problems) {
        refused++;
        const [, line, name, number, to, port, way, kind, image] = found.exec(problem)!;
        const asked: Asked = {
          proto: number ? Number(number) : { tcp: 6, udp: 17, icmp: 1 }[name!]!,
          dst: parseAddress(to!)!,
          dport: Number(port ?? 0),
          sport: 1024,
          way: way === 'the clone begins' ? 'begun' : 'reply',
          sender: { kind: (kind ?? 'closed') as 'closed', image: image ?? 'other' },
        };
        const rule = decide(open, asked);
        const told = `${problem}:\n${ceiling}${rules}`;
        if (!forwards(rule.action) || lineOf(rule) !== Number(line)) throw new Error(`it is not forwarded: ${told}`);
        if (inside(declared.boxes, asked)) throw new Error(`it is allowed: ${told}`);
      }
    }),
    { numRuns: 1000, interruptAfterTimeLimit: 5000, markInterruptAsFailure: false },
  );
  t.comment(`${refused} rules refused`);
  t.ok(refused > 20, 'enough happened to mean something');
});
