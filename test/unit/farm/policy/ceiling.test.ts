import t from 'tap';
import { withoutMail } from '../../../../src/farm/policy/ceiling.js';
import { policyOf } from './asker.js';

const ALL = { proto: [0, 255], dst: [0, 0xffffffff], dport: [0, 65_535] };
const ceilingOf = (...entries: string[]) => policyOf(`ceiling {\n${entries.join('\n')}\n}\n`).ceiling;
const boxesOf = (...entries: string[]) => ceilingOf(...entries).boxes;
const box = (more: object, replyOnly = false) => ({ ...ALL, replyOnly, ...more });
const tcp = (first: number, last: number, more: object = {}, replyOnly = false) =>
  box({ proto: [6, 6], dport: [first, last], ...more }, replyOnly);
const host = { dst: [0xc0000235, 0xc0000235] };

/** A reply to anything but TCP port 25. */
const REPLY = [
  box({ proto: [0, 5] }, true),
  tcp(0, 24, {}, true),
  tcp(26, 65_535, {}, true),
  box({ proto: [7, 255] }, true),
];

t.test('a policy that says nothing lets answers out, and none to port 25', async (t) => {
  const { ceiling } = policyOf('all -> drop');
  t.same(ceiling, { boxes: REPLY, mail: false, entries: ['reply'], place: 'default' });
  t.same(boxesOf('reply'), REPLY);
});

t.test('an entry is a product of ranges', async (t) => {
  t.same(boxesOf('udp and dst host 192.0.2.53 and dst port domain'), [
    box({ proto: [17, 17], dport: [53, 53], ...host }),
  ]);
  t.same(boxesOf('icmp and dst net 192.0.2.0/24'), [box({ proto: [1, 1], dst: [0xc0000200, 0xc00002ff] })]);
  t.same(boxesOf('proto 47 and reply'), [box({ proto: [47, 47] }, true)]);
  t.same(boxesOf('proto gre'), [box({ proto: [47, 47] })]);
  t.same(boxesOf('dst port 80'), [tcp(80, 80), box({ proto: [17, 17], dport: [80, 80] })], 'of what has ports');
  t.same(boxesOf('dst net 0.0.0.0/0').length, 4, 'all but mail');
  t.same(boxesOf(), [], 'nothing');
});

t.test('one line may hold several entries, or all', async (t) => {
  const lines = policyOf('ceiling { reply; tcp and dst port 80 }\nall -> drop').ceiling;
  t.same(lines.entries, ['reply', 'tcp and dst port 80']);
  t.equal(lines.place, 'x.policy:1');
  t.same(policyOf('ceiling {}').ceiling.boxes, []);
  t.same(policyOf('ceiling { reply;\n udp; icmp }').ceiling.entries, ['reply', 'udp', 'icmp']);
  t.same(policyOf('ceiling {\n tcp and\n dst port 80\n}').ceiling.entries, ['tcp and dst port 80']);
});

t.test('sets are what they hold', async (t) => {
  const policy = policyOf(
    'set dns = 192.0.2.53, 198.51.100.0/24\nports web = 80, 443\nceiling {\n tcp and dst set dns and dst ports web # some\n}',
  );
  const second = { dst: [0xc6336400, 0xc63364ff] };
  t.same(policy.ceiling.boxes, [tcp(80, 80, host), tcp(443, 443, host), tcp(80, 80, second), tcp(443, 443, second)]);
});

t.test('port 25 of TCP is named, or it is not in it', async (t) => {
  t.same(boxesOf('tcp'), [tcp(0, 24), tcp(26, 65_535)]);
  const ports = (list: string) => policyOf(`ports p = ${list}\nceiling {\n dst ports p\n}`).ceiling;
  t.match(ports('20-30'), { mail: false, boxes: [tcp(20, 24), tcp(26, 30), { proto: [17, 17], dport: [20, 30] }] });
  t.match(ports('25, 465'), { mail: true, boxes: [tcp(25, 25), tcp(465, 465), {}, {}] });
  t.match(ports('24-25, 80'), { mail: false });
  t.match(ceilingOf('udp and dst port 25'), { mail: false, boxes: [{ proto: [17, 17], dport: [25, 25] }] });
  const mail = ceilingOf('tcp', 'tcp and dst port smtp and dst host 192.0.2.53', 'icmp');
  t.match(mail, { mail: true, boxes: [tcp(0, 24), tcp(26, 65_535), tcp(25, 25, host), box({ proto: [1, 1] })] });
  t.match(withoutMail(mail), { mail: false, boxes: [tcp(0, 24), tcp(26, 65_535), box({ proto: [1, 1] })] });
});

t.test('a policy has one ceiling, wherever it is', async (t) => {
  const files = { a: 'ceiling { icmp }\n', b: 'ceiling { reply }\n' };
  t.match(policyOf('include "a"\nall -> drop', files).ceiling, { place: 'a:1', entries: ['icmp'] });
  t.throws(() => policyOf('include "a"\n  include "b"\nall -> drop', files), {
    message: 'b:1:1: a policy has one ceiling, and the first is at a:1',
  });
});

const ALLOWED =
  "'reply', 'tcp', 'udp', 'icmp', 'proto NUMBER', 'dst host ADDRESS', 'dst net PREFIX', 'dst set NAME', 'dst port PORT' or 'dst ports NAME', joined by 'and'";

t.test('what is wrong has its place, and what is allowed', async (t) => {
  for (const [text, message] of [
    ['ceiling\n', "1:8: expected 'ceiling {'"],
    ['ceiling { reply', "1:15: '{' is never closed"],
    [
      'universe open {\n ceiling { reply }\n}',
      '2:2: expected a ceiling outside of all sections: it holds for the whole policy',
    ],
    ['ceiling { reply } all -> drop', "1:19: expected nothing after the '}' of a ceiling, not 'all'"],
    ['ceiling {\n begun\n}', `2:2: expected ${ALLOWED}, not 'begun'`],
    ['ceiling {\n rpely\n}', `2:2: expected ${ALLOWED}, not 'rpely' (did you mean 'reply'?)`],
    ['ceiling {\n tcp and src port 80\n}', `2:10: expected ${ALLOWED}, not 'src'`],
    ['ceiling {\n tcp and\n}', `3:1: expected ${ALLOWED}, not the end of the entry`],
    ['ceiling {\n tcp or udp\n}', "2:6: expected 'and', or an entry in a line of its own, not 'or'"],
    ['ceiling {\n tcp -> forward\n}', "2:6: expected 'and', or an entry in a line of its own, not '->'"],
    ['ceiling {\n not tcp\n}', `2:2: expected ${ALLOWED}, not 'not'`],
    ['ceiling {\n tcp and udp\n}', '2:10: an entry says this once'],
    ['ceiling {\n reply and reply\n}', '2:12: an entry says this once'],
    ['ceiling {\n icmp and dst port 80\n}', '2:11: this protocol has no ports'],
    ['ceiling {\n proto 256\n}', "2:8: expected a protocol, or its number up to 255, not '256'"],
    [
      'ceiling {\n dst 192.0.2.1\n}',
      "2:6: expected 'host', 'net', 'set', 'port' or 'ports' after 'dst', not '192.0.2.1'",
    ],
    ['ceiling {\n dst host 192.0.2.0/24\n}', "2:11: expected an address, not '192.0.2.0/24'"],
    ['ceiling {\n dst net 192.0.2.1/24\n}', "2:10: expected a prefix such as 198.51.100.0/24, not '192.0.2.1/24'"],
    ['ceiling {\n dst set dns\n}', "2:10: expected the name of a set defined above, not 'dns'"],
    [
      'ports web = 80\nceiling {\n dst ports wbe\n}',
      "3:12: expected the name of ports defined above, not 'wbe' (did you mean 'web'?)",
    ],
    ['ceiling {\n dst port 99999\n}', "2:11: expected a port, or the name of a service, not '99999'"],
  ] as const)
    t.throws(() => policyOf(text), { message: `x.policy:${message}` }, text);
  const many = Array.from({ length: 65 }, (_, i) => `10.${i}.0.0/17`).join(', ');
  const ports = Array.from({ length: 65 }, (_, i) => 2 * i + 100).join(', ');
  t.throws(() => policyOf(`set a = ${many}\nports p = ${ports}\nceiling { tcp and dst set a and dst ports p }`), {
    message: 'x.policy:3:11: a ceiling has at most 4096 ranges of protocols, addresses and ports',
  });
  t.throws(() => policyOf('ceiling {\n begun\n udp and\n tcp tcp\n}\nall -> foward'), {
    message: /^x\.policy:2:2: .*\nx\.policy:4:2: .*\nx\.policy:6:8: [^\n]*$/,
  });
});
