import t from 'tap';
import type { FilterPlan, TunnelFacts } from '../../../../src/control/filter/plan.js';
import { rulesetText } from '../../../../src/control/filter/ruleset.js';
import { boxesOf, DEFAULT_CEILING } from '../../../../src/farm/policy/ceiling.js';

const TUNNEL: TunnelFacts = { local: 0xc0000202, remote: 0xc0000201, checksum: false, sequence: false };
const QUIET = { tcp: 360, udp: 120, echo: 90 };
const place = { device: 'leg', ethernet: true };

function plan(tunnel: TunnelFacts | undefined, change: Partial<FilterPlan> = {}): FilterPlan {
  const way = { ...place, ...(tunnel && { tunnel }) };
  const exits = [{ ...way, boxes: DEFAULT_CEILING.boxes }];
  return { whole: true, exits, entrances: [way], questions: [], own: [], quiet: QUIET, ...change };
}

/** The lines of a chain, or a set. */
function block(text: string, head: string): string[] {
  const lines = text.split('\n');
  const start = lines.indexOf(`  ${head} {`);
  if (start < 0) throw new Error(`there is no ${head} in\n${text}`);
  return lines.slice(start + 1, lines.indexOf('  }', start)).map((line) => line.trim());
}

t.test('a tunnel on an interface that is the gateway’s alone', async (t) => {
  const text = rulesetText(plan(TUNNEL));
  t.match(text, /^table netdev potemkin\ndelete table netdev potemkin\ntable netdev potemkin \{\n/);
  t.same(block(text, 'chain leave0'), [
    'type filter hook egress device "leg" priority 0; policy drop;',
    '@ll,96,16 2048 @nh,0,8 0x45 @nh,48,16 & 0xbfff == 0 @nh,72,8 47 @nh,96,32 3221225986 @nh,128,32 3221225985 ' +
      '@nh,160,32 2048 goto leave0_exit0',
    '@ll,96,16 2054 accept',
    'counter name other drop',
  ]);
  t.same(block(text, 'chain leave0_exit0'), [
    '@nh,192,8 != 0x45 counter name malformed drop',
    '@nh,320,32 { 0-16777215, 2130706432-2147483647, 3221225985-3221225986, 3758096384-4294967295 } ' +
      'counter name unroutable drop',
    '@nh,240,16 & 0x1fff != 0 goto leave0_exit0_later',
    '@nh,264,8 vmap { 6 : goto leave0_exit0_tcp, 17 : goto leave0_exit0_udp, 1 : goto leave0_exit0_icmp }',
    'counter name ceiling drop',
  ]);
  t.same(block(text, 'chain leave0_exit0_tcp'), [
    '@nh,208,16 < 40 counter name malformed drop',
    '@nh,368,16 0-24 goto leave0_exit0_tcp_answer',
    '@nh,368,16 26-65535 goto leave0_exit0_tcp_answer',
    'counter name ceiling drop',
  ]);
  const key = '@nh,288,32 . @nh,320,32 . @nh,352,16 . @nh,368,16';
  t.same(block(text, 'chain leave0_exit0_tcp_answer'), [
    '@nh,456,8 & 0x12 == 0x02 counter name uncontacted drop',
    `${key} @contacted_tcp update @answered_tcp { ${key} } goto leave0_exit0_pass`,
    `${key} @contacted_tcp goto leave0_exit0_pass`,
    `${key} @answered_tcp update @answered_tcp { ${key} } goto leave0_exit0_pass`,
    'counter name uncontacted drop',
  ]);
  t.same(block(text, 'set answered_udp').slice(-3), ['flags dynamic,timeout', 'size 262144', 'timeout 120s']);
});

t.test('every chain ends with a verdict, or lets nothing through by its end', async (t) => {
  for (const tunnel of [TUNNEL, undefined]) {
    const text = rulesetText(plan(tunnel));
    for (const [, name] of text.matchAll(/^ {2}chain (leave\w*) \{$/gm)) {
      const last = block(text, `chain ${name}`).at(-1);
      t.match(last, name!.endsWith('_pass') ? /^counter name passed accept$/ : /^counter name \w+ drop$/, name!);
    }
    t.equal([...text.matchAll(/ accept$/gm)].length, 3, 'ARP passes, what has passed all rules, and its fragments');
  }
});

t.test('where the inner packet begins, by the tunnel’s options', async (t) => {
  const key = 0xdeadbeef;
  const ways: readonly [Partial<TunnelFacts>, string, number][] = [
    [{}, '@nh,160,32 2048', 24],
    [{ key }, '@nh,160,32 536872960 @nh,192,32 3735928559', 28],
    [{ checksum: true }, '@nh,160,32 2147485696', 28],
    [{ sequence: true }, '@nh,160,32 268437504', 28],
    [{ checksum: true, key }, '@nh,160,32 2684356608 @nh,224,32 3735928559', 32],
    [{ checksum: true, key, sequence: true }, '@nh,160,32 2952792064 @nh,224,32 3735928559', 36],
  ];
  for (const [options, match, at] of ways) {
    const text = rulesetText(plan({ ...TUNNEL, ...options }));
    t.match(block(text, 'chain leave0')[1], match);
    t.match(block(text, 'chain leave0_exit0')[0], `@nh,${at * 8},8 != 0x45`);
  }
});

t.test('on an interface that others use, only the tunnel’s own packets are filtered', async (t) => {
  const rules = block(rulesetText(plan(TUNNEL, { whole: false })), 'chain leave0');
  t.equal(rules[0], 'type filter hook egress device "leg" priority 0; policy accept;');
  t.same(rules.slice(2), [
    '@ll,96,16 2048 @nh,72,8 47 @nh,96,32 3221225986 counter name other drop',
    '@ll,96,16 2048 @nh,72,8 47 @nh,128,32 3221225985 counter name other drop',
  ]);
});

t.test('what the gateway itself may ask', async (t) => {
  const question = { questions: [{ server: 0xc0000235, port: 5353 }], own: [0xc0000202] };
  t.equal(
    block(rulesetText(plan(undefined, question)), 'chain leave0')[1],
    '@ll,96,16 2048 @nh,0,8 0x45 @nh,48,16 & 0xbfff == 0 @nh,72,8 { 6, 17 } @nh,96,32 3221225986 @nh,128,32 3221226037 ' +
      '@nh,176,16 5353 accept',
    'before the rules for clones',
  );
  t.notMatch(rulesetText(plan(TUNNEL, { ...question, whole: false })), '5353');
});

t.test('boxes become rules: what anything may use before what answers may', async (t) => {
  const boxes = [
    ...boxesOf({ replyOnly: true, proto: [[6, 6]], dport: [[1024, 65535]] }),
    ...boxesOf({
      replyOnly: false,
      proto: [[6, 6]],
      dport: [[80, 80]],
      dst: [
        [3, 4],
        [1, 2],
        [9, 9],
      ],
    }),
    ...boxesOf({ replyOnly: false, proto: [[0, 255]], dst: [[7, 7]], dport: [[53, 53]] }),
    ...boxesOf({ replyOnly: false, proto: [[100, 132]] }),
  ];
  const text = rulesetText(plan(undefined, { exits: [{ ...place, boxes }] }));
  t.same(block(text, 'chain leave0_exit0_tcp').slice(1, -1), [
    '@nh,128,32 { 1-4, 9 } @nh,176,16 80 goto leave0_exit0_pass',
    '@nh,128,32 7 @nh,176,16 53 goto leave0_exit0_pass',
    '@nh,176,16 1024-65535 goto leave0_exit0_tcp_answer',
  ]);
  t.same(block(text, 'chain leave0_exit0_udp').slice(1, -1), ['@nh,128,32 7 @nh,176,16 53 goto leave0_exit0_pass']);
  t.same(block(text, 'chain leave0_exit0_icmp').slice(1, -1), [], 'a box with a port is not for a protocol without');
  t.same(block(text, 'chain leave0_exit0').slice(4, -1), ['@nh,72,8 100-132 goto leave0_exit0_pass']);
});
