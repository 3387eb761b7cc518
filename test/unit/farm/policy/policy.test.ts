import t from 'tap';
import { Policy } from '../../../src/farm/policy.js';
import type { Universe } from '../../../src/farm/universes.js';
import { parseAddress } from '../../../src/packet/address.js';
import { FLOW } from '../../../src/packet/flow.js';
import { Packets } from '../../../src/packet/packets.js';
import { PROTOCOL } from '../../../src/packet/protocol.js';

const at = (address: string) => parseAddress(address)!;
const universe: Universe = { id: 1, source: at('198.51.100.7'), target: 0, born: 0, clones: new Map(), depth: 1 };

function decide(policy: Policy, facts: Partial<Record<'dst' | 'dport' | 'proto' | 'flowState', number>>) {
  const packets = new Packets();
  const row = packets.take();
  packets.proto[row] = facts.proto ?? PROTOCOL.tcp;
  packets.dst[row] = facts.dst ?? at('203.0.113.9');
  packets.dport[row] = facts.dport ?? 80;
  packets.flowState[row] = facts.flowState ?? 0;
  packets.ipHeader[row] = 20;
  packets.length[row] = 40;
  return policy.decide(packets, row, universe);
}

const text = `
# a comment
reply                          -> forward
originator and tcp             -> forward   # a connection back
udp and dst port 53            -> redirect dns
dst net 192.0.2.0/24           -> drop
tcp                            -> reflect
`;

t.test('the first rule that matches decides', async (t) => {
  const policy = new Policy(text, 'x.policy');
  t.equal(policy.rules.length, 5);
  const reply = FLOW.known | FLOW.reply | FLOW.fromOutside;
  t.match(decide(policy, { flowState: reply }), { verdict: 'forward', place: 'x.policy:3' });
  t.match(
    decide(policy, { flowState: FLOW.known | FLOW.reply }),
    { verdict: 'reflect' },
    'a reply among clones is none',
  );
  t.match(decide(policy, { flowState: FLOW.reply | FLOW.fromOutside }), { verdict: 'reflect' }, 'nor is a new flow');
  t.match(decide(policy, { dst: universe.source }), { verdict: 'forward', place: 'x.policy:4' });
  t.match(decide(policy, { dst: universe.source, proto: PROTOCOL.icmp }), { verdict: 'drop', place: 'default' });
  t.match(decide(policy, { proto: PROTOCOL.udp, dport: 53 }), { verdict: 'redirect', image: 'dns' });
  t.match(decide(policy, { dst: at('192.0.2.1') }), { verdict: 'drop', place: 'x.policy:6' });
  t.match(decide(policy, {}), { verdict: 'reflect', place: 'x.policy:7' });
  t.match(
    decide(policy, { proto: PROTOCOL.udp }),
    { verdict: 'drop', place: 'default' },
    'what none matches is dropped',
  );
  t.same(policy.images, ['dns']);
});

t.test('an empty policy lets nothing leave', async (t) => {
  const reply = FLOW.known | FLOW.reply | FLOW.fromOutside;
  t.match(decide(new Policy('', 'x.policy'), { flowState: reply }), { verdict: 'drop', place: 'default' });
});

t.test('every mistake is reported with its place', async (t) => {
  const broken = 'reply\ntcp -> foward\n  tcp port x -> drop\nall -> redirect\nall -> drop now\n-> drop\n';
  t.throws(() => new Policy(broken, 'x.policy'), {
    message: new RegExp(
      [
        "x.policy:1:6: expected '-> VERDICT' after the match",
        "x.policy:2:8: expected one of forward, reflect, redirect, drop, not 'foward'",
        'x.policy:3:\\d+: .*',
        'x.policy:4:8: redirect: expected an image after it',
        "x.policy:5:13: unexpected 'now' after the verdict",
        "x.policy:6:1: expected a match before '->', such as 'all'",
      ].join('\n'),
    ),
  });
});
