import t, { type Test } from 'tap';
import { describeAction } from '../../../../src/farm/policy/actions.js';
import { PolicyError } from '../../../../src/farm/policy/policy.js';
import { parseAddress } from '../../../../src/packet/address.js';
import { type Asked, decide, lineOf, openPolicyOf, policyOf } from './asker.js';

const at = (address: string) => parseAddress(address)!;
const UDP = 17;
const ICMP = 1;

/** Checks which line of a policy decides. */
function decides(
  t: Test,
  text: string,
  cases: readonly (readonly [line: number | 'default', asked: Asked])[],
  files = {},
) {
  const policy = openPolicyOf(text, files);
  for (const [line, asked] of cases) {
    const rule = decide(policy, asked);
    t.equal(line === 'default' ? rule.place : lineOf(rule), line, JSON.stringify(asked));
  }
}

t.test('rules ask for the name that was looked up', async (t) => {
  const policy = policyOf(`
name "www.example.com" -> drop
tcp and not name "*.Example.com." -> reset
name "*.example.com" or name "*.test" -> reflect
`);
  const line = (...names: string[]) =>
    decide(policy, { sender: { names: policy.namesOf(names) } })
      .place.split(':')
      .at(-1);
  t.equal(line('www.example.com'), '2');
  t.equal(line('mail.example.com'), '4');
  t.equal(line('a.b.example.com', 'other.org'), '4', 'one of its names suffices');
  t.equal(line('other.org', 'www.example.com'), '2');
  t.equal(line('example.com'), '3', 'a pattern is about names below');
  t.equal(line('badexample.com'), '3');
  t.equal(line('x.test'), '3');
  t.equal(line(), '3');
  const many = Array.from({ length: 33 }, (_, i) => `name "n${i}.test" -> drop`);
  t.throws(() => policyOf(many.join('\n')), { message: 'x.policy:33:1: rules ask for at most 32 names' });
  const full = policyOf(many.slice(0, 32).join('\n'));
  for (const i of [0, 30, 31])
    t.equal(lineOf(decide(full, { sender: { names: full.namesOf([`n${i}.test`]) } })), i + 1, 'every bit counts');
});

t.test('the first rule that matches decides', async (t) => {
  const text = `
# a comment
reply                          -> forward
originator and tcp             -> forward   # a connection back
udp and dst port 53            -> redirect dns
dst net 192.0.2.0/24           -> drop
tcp                            -> reflect
`;
  const source = at('198.51.100.7');
  decides(t, text, [
    [3, { way: 'reply' }],
    [7, { way: 'answer' }],
    [4, { dst: source, sender: { source } }],
    ['default', { dst: source, sender: { source }, proto: ICMP }],
    [5, { proto: UDP, dport: 53 }],
    [6, { dst: at('192.0.2.1') }],
    [7, {}],
    ['default', { proto: UDP }],
  ]);
  t.same(openPolicyOf(text).images, ['dns']);
  t.match(decide(openPolicyOf(text), { proto: UDP }).action, { verdict: 'drop' }, 'what none matches is dropped');
});

t.test('of hundreds of rules the first that matches decides, also where the values of one end', async (t) => {
  // Some networks lie in each other, some begin where another ends, some are of all addresses.
  const rules = Array.from({ length: 300 }, (_, i) => {
    const bits = [0, 4, 8, 15, 16, 17, 24, 31, 32][(i * 5) % 9]!;
    const [first, last] = [(i * 217) % 65_000, Math.min(0xffff, ((i * 217) % 65_000) + ((i * 31) % 90))];
    const net = bits === 0 ? 0 : (Math.imul(i % 40, 0x9e3779b1) & (-1 << (32 - bits))) >>> 0;
    const most = (net + 2 ** (32 - bits) - 1) >>> 0;
    const name = [24, 16, 8, 0].map((shift) => (net >>> shift) & 255).join('.');
    const proto = i % 2 === 0 ? 'tcp' : 'udp';
    // The widest are the last.
    return {
      net,
      most,
      first,
      last,
      proto,
      bits,
      text: `dst net ${name}/${bits} and ${proto} and dst port >= ${first} and dst port <= ${last}`,
    };
  }).sort((a, b) => b.bits - a.bits);
  const policy = openPolicyOf(rules.map(({ text }) => `${text} -> drop`).join('\n'));
  let found = 0;
  for (const [number, { net, most, first, last, proto }] of rules.entries()) {
    for (const [dst, dport] of [
      [net, first],
      [most, last],
      [net - 1, first],
      [most + 1, last],
      [net, first - 1],
      [most, last + 1],
    ] as const) {
      const asked = { dst: dst >>> 0, dport: dport & 0xffff, proto: proto === 'tcp' ? 6 : UDP };
      const matches = (rule: (typeof rules)[number]) =>
        rule.net <= asked.dst &&
        asked.dst <= rule.most &&
        rule.first <= asked.dport &&
        asked.dport <= rule.last &&
        rule.proto === proto;
      const wanted = rules.findIndex(matches);
      const rule = decide(policy, asked);
      const line = rule.place === 'default' ? -1 : lineOf(rule) - 1;
      if (wanted >= 0) found++;
      if (line !== wanted) t.fail(`${number}: ${JSON.stringify(asked)}: rule ${line}, not ${wanted}`);
    }
  }
  t.ok(found > 600 && found < 1800, `${found} match`);
});

t.test('an empty policy lets nothing leave', async (t) => {
  t.match(decide(policyOf(''), { way: 'reply' }), { place: 'default', action: { verdict: 'drop' } });
});

t.test('words beside those of IPFilter', async (t) => {
  const text = `begun and payload "GET " -> drop
begun and payload 0x16030000ff -> drop
contacted and depth >= 3 -> drop
image linux and (age > 10min or depth != 1) -> drop
not inward and reflected -> drop
outward and not contacted -> reflect
inward -> reflect
reply or begun -> reset
all -> drop
`;
  decides(t, text, [
    [1, { payload: Buffer.from('GET / HTTP/1.0') }],
    [2, { payload: Buffer.from('16030000ff00', 'hex') }],
    [3, { payload: Buffer.from('16030000', 'hex'), sender: { depth: 3 } }],
    [1, { fragment: 0x2000, proto: UDP, payload: Buffer.from('GET / HTTP/1.0..') }],
    [8, { fragment: 2, proto: UDP, payload: Buffer.from('GET / HTTP/1.0..') }],
    [8, { payload: Buffer.from('GET') }],
    [4, { age: 601, sender: { image: 'linux' } }],
    [8, { age: 600, sender: { image: 'linux' } }],
    [4, { sender: { image: 'linux', depth: 2 } }],
    [8, { age: 601, sender: { image: 'windows' } }],
    [5, { sender: { contacted: false } }],
    [7, { sender: { contacted: false, toClone: true } }],
    [7, { way: 'answer' }],
    [8, { way: 'reply', sender: { toClone: true } }],
  ]);
});

t.test('named sets of addresses and ports', async (t) => {
  const text = `
set dns = 192.0.2.53, 198.51.100.0/24
set more = dns, 203.0.114.0/25,
           203.0.114.128/25
ports web = http, 443, 8000-8100
ports much = web, 1-79
udp and dst set dns and dst port 53 -> forward
src or dst set more -> reset
tcp dst ports web -> reflect
not src ports much and dst ports much -> drop
`;
  decides(t, text, [
    [7, { proto: UDP, dst: at('192.0.2.53'), dport: 53 }],
    [7, { proto: UDP, dst: at('198.51.100.255'), dport: 53 }],
    ['default', { proto: UDP, dst: at('192.0.2.54'), dport: 53, sport: 53 }],
    [8, { dst: at('203.0.114.200') }],
    [8, { src: at('203.0.114.1') }],
    [9, { dport: 8100 }],
    [9, { dport: 80 }],
    [10, { dport: 79, sport: 8101 }],
    ['default', { dport: 79, sport: 1 }],
    ['default', { dport: 8101 }],
    [10, { proto: UDP, dport: 8050, sport: 9 + 80 }],
  ]);
});

t.test('a set of thousands', async (t) => {
  const entries = Array.from({ length: 5000 }, (_, i) => `10.${i >> 6}.${(i & 63) * 4}.0/23`);
  const policy = policyOf(`set many = ${entries.join(', ')}\ndst set many -> drop\n`);
  for (const [address, inside] of [
    ['10.0.0.0', true],
    ['10.0.2.0', false],
    ['10.78.28.255', true],
    ['10.78.29.255', true],
    ['10.78.30.0', false],
    ['9.255.255.255', false],
    ['255.255.255.255', false],
  ] as const)
    t.equal(decide(policy, { dst: at(address) }).place !== 'default', inside, address);
});

t.test('sections by kind of universe and by image', async (t) => {
  const text = `dst port 25 -> drop
universe shared {
  begun -> drop
  image honeypot {
    reply -> reset
  }
}
universe open {
  begun -> reflect
}
image honeypot {
  include "more.policy"
}
reply -> forward
`;
  decides(
    t,
    text,
    [
      [1, { dport: 25, sender: { kind: 'open' } }],
      [3, { sender: { kind: 'shared' } }],
      [5, { way: 'reply', sender: { kind: 'shared', image: 'honeypot' } }],
      [14, { way: 'reply', sender: { kind: 'shared' } }],
      [9, { sender: { kind: 'open', image: 'honeypot' } }],
      [1, { sender: { image: 'honeypot' } }],
      ['default', {}],
    ],
    { 'more.policy': 'begun -> reset\n' },
  );
});

t.test('files include each other, relative to themselves, but not in a circle', async (t) => {
  const files = {
    'sub/a.policy': 'include "b.policy"\ntcp -> drop\n',
    'sub/b.policy': 'set here = 192.0.2.0/24\ndst set here -> reset\n',
    'circle.policy': 'include "x.policy"\n',
  };
  const policy = policyOf('include "sub/a.policy"\nudp and dst set here -> drop\nall -> reflect\n', files);
  t.same(
    policy.rules.map(({ place }) => place),
    ['sub/b.policy:2', 'sub/a.policy:2', 'x.policy:2', 'x.policy:3'],
  );
  t.throws(() => policyOf('include "circle.policy"', files), {
    message: 'circle.policy:1:9: files include each other in a circle: x.policy -> circle.policy -> x.policy',
  });
  t.throws(() => policyOf('include "none"', files), {
    message: 'x.policy:1:9: expected a file that can be read (no such file)',
  });
});

t.test('a rule goes on where a line cannot begin one', async (t) => {
  const text = `begun
    -> limit tcp 20/hour, udp 20/hour,
             icmp 50/hour per clone, other 10k/day
       per farm, bytes 10M/hour per universe
    then reflect limit destinations 5/minute per clone
    then drop   # all of this is one rule
reply or
  begun -> drop
all -> redirect sink limit flows 1/second per destination then reset
`;
  const policy = openPolicyOf(text);
  t.same(
    policy.rules.map(({ place, action }) => [place, describeAction(action)]),
    [
      [
        'x.policy:1',
        'forward limit tcp 20/hour per clone, udp 20/hour per clone, icmp 50/hour per clone, other 10k/day per farm, ' +
          'bytes 10M/hour per universe then reflect limit destinations 5/minute per clone then drop',
      ],
      ['x.policy:7', 'drop'],
      ['x.policy:9', 'redirect sink limit flows 1/second per destination then reset'],
    ],
  );
  t.equal(policy.rules[0]!.action.limits[4]!.most, 10 * 1024 * 1024);
});

/** Each wrong text, and what is said about it. */
const WRONG: readonly (readonly [text: string, message: string])[] = [
  ['reply', "1:6: expected '-> VERDICT' after the match"],
  [
    'tcp -> foward',
    "1:8: expected one of forward, reflect, redirect, drop, reset, limit, rewrite, not 'foward' (did you mean 'forward'?)",
  ],
  ['tpc dst port 25 -> drop', "1:1: unknown word 'tpc' (did you mean 'tcp'?)"],
  ['tcp and orignator -> drop', "1:9: unknown word 'orignator' (did you mean 'originator'?)"],
  ['all -> redirect', '1:8: redirect: expected an image after it'],
  ['all -> drop now', "1:13: unexpected 'now' after the verdict"],
  ['-> drop', "1:1: expected a match before '->', such as 'all'"],
  [
    'reply and tcp or udp -> forward',
    "1:1: 'and' binds more tightly than 'or': write 'reply and (… or …)', or '(reply and …) or …'",
  ],
  ['dst set dsn -> drop', "1:9: expected the name of a set defined above, not 'dsn'"],
  [
    'set dns = 192.0.2.53\ndst set dsn -> drop',
    "2:9: expected the name of a set defined above, not 'dsn' (did you mean 'dns'?)",
  ],
  [
    'set dns = 192.0.2.53,',
    '1:21: expected an address, a prefix such as 198.51.100.0/24, or the name of a set after the comma',
  ],
  ['set dns = 192.0.2.53 192.0.2.54', "1:22: expected a comma, not '192.0.2.54'"],
  [
    'set a = 192.0.2.1/24',
    "1:9: expected an address, a prefix such as 198.51.100.0/24, or the name of a set, not '192.0.2.1/24'",
  ],
  ['set a = 192.0.2.1\nset a = 192.0.2.2', '2:5: set a is defined twice'],
  [
    'ports a = 443, 80-8',
    "1:16: expected a port, a range such as 8000-8100, or the name of a service or of other ports, not '80-8'",
  ],
  ['icmp dst ports a -> drop', "1:16: expected the name of ports defined above, not 'a'"],
  ['ports a = 1\nicmp dst ports a -> drop', '2:1: this protocol has no ports'],
  ['universe clsed {\n}', "1:10: expected one of closed, open, shared, not 'clsed' (did you mean 'closed'?)"],
  ['universe {\n}', "1:10: expected one of closed, open, shared and '{' after 'universe'"],
  [
    'univers closed {\n}',
    "1:1: expected 'universe KIND {' or 'image NAME {', not 'univers' (did you mean 'universe'?)",
  ],
  ['universe closed {', "1:17: '{' is never closed"],
  ['}', "1:1: '}' closes nothing"],
  ['depth 2 -> drop', "1:7: expected a comparison such as '>' after 'depth', not '2'"],
  ['age > 3x -> drop', "1:7: expected a time such as 90s or 10min, not '3x'"],
  [
    'name example.com -> drop',
    `1:6: expected a name in quotes, such as "www.example.com" or "*.example.com", not 'example.com'`,
  ],
  ['name "a..b" -> drop', `1:6: expected a name in quotes, such as "www.example.com" or "*.example.com", not '"a..b"'`],
  ['payload GET -> drop', "1:9: expected a string in quotes, or bytes such as 0x474554, not 'GET'"],
  [`payload "${'x'.repeat(65)}" -> drop`, '1:9: expected at most 64 bytes, not 65'],
  ['include other', '1:9: expected a file in quotes: include "FILE"'],
  [
    'begun -> limit tcp 20/hour per clone then reflect',
    '1:10: expected limits for udp, icmp, other too, which the match lets in; without one they would leave without bound',
  ],
  [
    'begun and (tcp or udp) -> forward limit tcp 1/hour per clone then drop',
    '1:35: expected limits for udp too, which the match lets in; without one they would leave without bound',
  ],
  [
    'tcp -> limit 20/hour then reflect',
    "1:22: expected 'per clone', 'per universe', 'per destination' or 'per farm', not 'then'",
  ],
  ['tcp -> limit flows 20/our per clone then drop', "1:20: expected a limit such as 'tcp 20/hour', not '20/our'"],
  [
    'tcp -> limit packts 20/hour per clone then drop',
    "1:14: expected a limit such as 'tcp 20/hour', not 'packts' (did you mean 'packets'?)",
  ],
  [
    'tcp -> limit 20/hour per clon then drop',
    "1:26: expected one of clone, universe, destination, farm after 'per', not 'clon' (did you mean 'clone'?)",
  ],
  ['tcp -> limit 20/hour per clone', "1:31: expected 'then VERDICT' for what is beyond the limits"],
  ['tcp -> limit 20/hour per clone udp 3/hour per clone then drop', "1:32: expected a comma or 'then', not 'udp'"],
  [
    'tcp -> reflect limit 2/hour per clone then forward',
    "1:44: expected a verdict after 'then' by which nothing leaves",
  ],
  ['tcp -> limit destinations 5k/hour per farm then drop', "1:27: expected at most 4096 destinations, not '5k/hour'"],
];

t.test('every mistake is reported with its place, what was expected and what came', async (t) => {
  for (const [text, message] of WRONG) {
    t.throws(() => policyOf(text), { message: `x.policy:${message}` }, text);
  }
});

t.test('all mistakes of a file are reported in one go', async (t) => {
  try {
    policyOf('reply\n  tcp port x -> drp\nall -> redirect\n');
    t.fail('it has mistakes');
  } catch (error) {
    if (!(error instanceof PolicyError)) throw error;
    t.same(error.problems, [
      "x.policy:1:6: expected '-> VERDICT' after the match",
      "x.policy:2:17: expected one of forward, reflect, redirect, drop, reset, limit, rewrite, not 'drp' (did you mean 'drop'?)",
      'x.policy:2:3: a port number is missing',
      'x.policy:3:8: redirect: expected an image after it',
    ]);
  }
});

t.test('rules that are never reached are told of', async (t) => {
  const { warnings } = policyOf(
    'universe open {\n all -> drop\n tcp -> drop\n}\ntcp -> drop\nall -> reflect\nudp -> drop\n',
  );
  t.same(warnings, [
    'x.policy:3:1: never reached, since x.policy:2 matches all before it',
    'x.policy:7:1: never reached, since x.policy:6 matches all before it',
  ]);
});
