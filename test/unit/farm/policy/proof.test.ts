import t from 'tap';
import { ceilingInForce, wrongAfter, wrongWith } from '../../../../src/farm/policy/in-force.js';
import { policyOf } from './asker.js';

const WEB = 'ceiling { reply; tcp and dst port 80 }\n';
const says = (place: string, packet: string) =>
  `x.policy:${place}: forwards what the ceiling at x.policy:1 does not allow, such as ${packet}`;

t.test('a rule that lets out more than the ceiling is refused, with a packet that shows it', async (t) => {
  for (const [rules, message] of [
    ['tcp -> forward', says('2:1', 'tcp 10.99.1.2:1024 > 8.8.8.8:81, which the clone begins')],
    ['dst port 80 -> forward', says('2:1', 'udp 10.99.1.2:1024 > 8.8.8.8:80, which the clone begins')],
    ['tcp -> limit 1/hour per clone then drop', says('2:1', 'tcp 10.99.1.2:1024 > 8.8.8.8:81, which the clone begins')],
    [
      'universe shared {\n icmp -> forward\n}',
      says('3:1', 'icmp 10.99.1.2 > 8.8.8.8, which the clone begins, in a universe that is shared'),
    ],
    ['image xp {\n icmp -> forward\n}', says('3:1', 'icmp 10.99.1.2 > 8.8.8.8, which the clone begins, from image xp')],
    ['icmp and payload "x" -> drop\nicmp -> forward', says('3:1', 'icmp 10.99.1.2 > 8.8.8.8, which the clone begins')],
    [
      'reply or dst host 192.0.2.1 -> forward',
      says('2:1', 'tcp 10.99.1.2:1024 > 192.0.2.1:81, which the clone begins'),
    ],
  ] as const)
    t.throws(() => policyOf(`${WEB}${rules}\n`), { message }, rules);
  t.throws(() => policyOf('begun -> limit flows 1/hour per clone then drop'), {
    message:
      "x.policy:1:1: forwards what is no answer, such as tcp 10.99.1.2:1024 > 8.8.8.8:80, which the clone begins: expected a block 'ceiling { … }' that says what may ever leave",
  });
  t.throws(() => policyOf('ceiling { reply; tcp }\ntcp -> forward'), {
    message:
      /10\.99\.1\.2:1024 > 8\.8\.8\.8:25, which the clone begins; mail leaves only if an entry has 'dst port 25'/,
  });
});

t.test('earlier rules take away what they surely decide about', async (t) => {
  for (const rules of [
    'tcp and dst port 80 -> forward',
    'reply -> forward',
    'all -> reflect\nall -> forward',
    'begun and not (tcp and dst port 80) -> reflect\nall -> forward',
    'tcp and dst port != 80 -> reset\nnot tcp -> drop\nall -> forward',
    'universe closed {\n not dst port 80 -> drop\n udp -> drop\n tcp -> forward\n}\nreply -> forward',
    'universe closed {\nbegun -> drop\n}\nuniverse open {\nbegun -> drop\n}\nuniverse shared {\nbegun -> drop\n}\nall -> forward',
    'tcp and dst port 80 and age > 1min and payload "GET" -> forward',
  ])
    t.ok(policyOf(`${WEB}${rules}\n`), rules);
  t.throws(() => policyOf(`${WEB}image a {\nbegun -> drop\n}\nall -> forward`), { message: /x\.policy:5:1: forwards/ });
});

t.test('thousand rules are proved in a second or so, and what takes longer is refused', async (t) => {
  const rules = Array.from(
    { length: 999 },
    (_, i) => `dst net 198.${i & 255}.${(i * 7) & 255}.0/24 and dst port < ${i} -> drop`,
  );
  const start = performance.now();
  t.ok(policyOf(`ceiling { tcp }\n${rules.join('\n')}\ntcp and dst port 25 -> drop\ntcp -> forward\n`));
  t.comment(`${Math.round(performance.now() - start)} ms`);
  const odd = Array.from({ length: 6000 }, (_, i) => `${10 + (i >> 12)}.${(i >> 4) & 255}.${(i & 15) << 4}.0/28`).join(
    ', ',
  );
  const ports = Array.from({ length: 5500 }, (_, i) => 2 * i + 26).join(', ');
  const hard = `set a = ${odd}\nports p = ${ports}\nceiling { reply }\nbegun and dst set a and dst ports p -> drop\nbegun -> forward\n`;
  t.throws(() => policyOf(hard), {
    message: /x\.policy:4:1: it cannot be proved that this stays within the ceiling: it takes too many steps/,
  });
});

t.test('mail needs the ceiling and the graph', async (t) => {
  const mail = policyOf(
    'ceiling { reply; tcp and dst port 25 }\ntcp and dst port 25 -> limit 1/hour per clone then drop\n',
  );
  t.equal(wrongWith(mail, 'allow'), undefined);
  t.match(
    wrongWith(mail, 'deny'),
    /^mail may not leave, since MAIL is not 'allow':\nx\.policy:2:1: forwards .*8\.8\.8\.8:25/,
  );
  t.notOk(ceilingInForce(mail, 'deny').mail);
  t.equal(
    wrongWith(policyOf('ceiling { tcp and dst port 25 }\nall -> reflect'), 'deny'),
    undefined,
    'no rule lets it out',
  );
});

t.test('a ceiling is not raised while it is in force', async (t) => {
  const of = (...entries: string[]) => policyOf(`ceiling {\n${entries.join('\n')}\n}\nall -> drop\n`);
  const first = of('reply', 'tcp and dst net 192.0.2.0/24', 'tcp and dst port 25');
  for (const lower of [of(), of('reply and icmp'), of('tcp and dst host 192.0.2.9 and dst port 80'), first])
    t.equal(wrongAfter(lower, first, 'allow'), undefined);
  t.match(
    wrongAfter(of('tcp and dst net 192.0.2.0/23'), first, 'allow'),
    /^x\.policy: its ceiling \(x\.policy:1\) allows more than that of the start \(x\.policy:1\), such as tcp 10\.99\.1\.2:1024 > 192\.0\.3\.0:0, which the clone begins/,
  );
  t.match(wrongAfter(of('icmp'), first, 'allow'), /such as icmp/);
  t.match(wrongAfter(of('tcp and dst port 25'), of('reply', 'tcp'), 'allow'), /:25, which the clone begins/);
  t.equal(wrongAfter(of('tcp and dst port 25'), of('reply', 'tcp'), 'deny'), undefined, 'it is not in force');
});
