import { execFileSync } from 'node:child_process';
import t from 'tap';
import { fingerprint } from '../../../../src/farm/monitor/fingerprint.js';
import type { CloneRecord } from '../../../../src/farm/universes.js';
import { watched } from './watched.js';

const EXPLOIT = `GET /default.ida?${'N'.repeat(100)}`;
const payloads = ({ evidence }: CloneRecord) => evidence!.payloads;

t.test('a fingerprint is what sha256sum says of the first bytes', async (t) => {
  const input = Buffer.from(EXPLOIT).subarray(0, 64);
  const said = execFileSync('sha256sum', { input, encoding: 'utf8' });
  t.equal(fingerprint(input), said.slice(0, 16));
  const rig = watched();
  const clone = rig.clone();
  rig.receives(clone, EXPLOIT);
  t.match(payloads(clone).lines().received, [{ fingerprint: said.slice(0, 16), port: 80 }]);
});

t.test('an exploit that goes from A to B and to C is seen again', async (t) => {
  const rig = watched();
  const universe = rig.universe();
  const [a, b, c, d] = [1, 2, 3, 4].map(() => rig.clone(universe));
  rig.receives(a!, EXPLOIT);
  t.strictSame(rig.reasons(a!), [], 'to be attacked is nothing');
  rig.passes(a!, b!, EXPLOIT);
  rig.passes(b!, c!, EXPLOIT);
  rig.passes(c!, d!, EXPLOIT, 8080);
  const print = fingerprint(Buffer.from(EXPLOIT).subarray(0, 64));
  const sent = `sent what it had been sent: ${print}`;
  const samePort = 'sent that to the port it had come to';
  t.strictSame(rig.reasons(a!), [sent, samePort]);
  t.strictSame(rig.reasons(b!), [sent, samePort, 'is the last of 2 clones in a row to send it on']);
  t.strictSame(rig.reasons(c!), [sent, 'is the last of 3 clones in a row to send it on']);
  t.strictSame(rig.reasons(d!), []);
  t.equal(rig.monitor.assess(a!).rating, 'malicious');
  t.equal(rig.monitor.payloads.repeated, 3);
});

t.test(
  'the end of a long payload may differ, and what a worm makes up itself is known from the second clone on',
  async (t) => {
    const rig = watched();
    const [a, b, c] = [1, 2, 3].map(() => rig.clone());
    rig.receives(a!, 'come here, whoever you are');
    rig.passes(a!, b!, `${EXPLOIT} 1`);
    rig.passes(b!, c!, `${EXPLOIT} 2`);
    t.strictSame([payloads(a!).relays, payloads(b!).relays, payloads(c!).relays], [0, 1, 0]);
  },
);

t.test('fingerprints are of a payload alone: in every universe, on every port the same', async (t) => {
  const rig = watched();
  const seen = [1, 2].map((id) => {
    const clone = rig.clone(rig.universe(id));
    rig.receives(clone, EXPLOIT, { port: id });
    return payloads(clone).lines().received[0]!.fingerprint;
  });
  t.equal(seen[0], seen[1]);
});

t.test('what proves nothing', async (t) => {
  const cases: [name: string, (rig: ReturnType<typeof watched>, clone: CloneRecord) => void][] = [
    [
      'an echo is an answer',
      (rig, clone) => {
        rig.receives(clone, EXPLOIT);
        rig.sends(clone, EXPLOIT, { reply: true });
      },
    ],
    [
      'to ask for something and to send it is not to be attacked',
      (rig, clone) => {
        rig.receives(clone, EXPLOIT, { reply: true });
        rig.sends(clone, EXPLOIT);
      },
    ],
    [
      'a few bytes',
      (rig, clone) => {
        rig.receives(clone, 'hello!\n');
        rig.sends(clone, 'hello!\n');
      },
    ],
    [
      'what every client says',
      (rig, clone) => {
        rig.receives(clone, 'SSH-2.0-dropbear_2022.83\r\n');
        rig.sends(clone, 'SSH-2.0-dropbear_2022.83\r\n');
      },
    ],
    [
      'other payloads',
      (rig, clone) => {
        rig.receives(clone, 'GET / HTTP/1.1\r\nHost: 10.99.1.1\r\n\r\n');
        rig.sends(clone, 'GET / HTTP/1.1\r\nHost: 10.99.1.2\r\n\r\n');
      },
    ],
  ];
  for (const [name, happens] of cases) {
    const rig = watched();
    const clone = rig.clone();
    happens(rig, clone);
    t.strictSame([rig.reasons(clone), rig.monitor.payloads.repeated], [[], 0], name);
  }
});

t.test('what a clone sends though nobody told it anything is its image’s habit', async (t) => {
  const rig = watched();
  const [idle, asked, other] = [1, 2, 3].map(() => rig.clone());
  const hello = Buffer.alloc(48, 0x1b);
  rig.sends(idle!, hello, { port: 123 });
  rig.receives(asked!, hello, { port: 123, from: idle! });
  rig.sends(asked!, hello, { port: 123 });
  t.strictSame(rig.reasons(asked!), []);
  rig.receives(other!, 'a\n');
  rig.passes(other!, asked!, EXPLOIT);
  rig.sends(asked!, EXPLOIT);
  t.equal(payloads(asked!).repeated.length, 1, 'but not what it sends when it was told, however little');
});

t.test('a clone keeps the latest fingerprints; when all are kept that may be, a few each', async (t) => {
  const rig = watched({ fingerprints: 100 });
  const [one, other] = [rig.clone(), rig.clone()];
  const book = rig.monitor.payloads;
  rig.receives(one, EXPLOIT);
  for (let i = 0; i < 1000; i++) rig.receives(one, `payload number ${i}`);
  t.strictSame([payloads(one).lines().received.length, book.kept, book.forgotten], [64, 64, 937]);
  rig.sends(one, EXPLOIT);
  t.equal(payloads(one).repeated.length, 0, 'the oldest is forgotten');
  rig.sends(one, 'payload number 999');
  t.equal(payloads(one).repeated.length, 1);
  for (let i = 0; i < 1000; i++) rig.receives(other, `payload number ${i}`);
  t.equal(book.kept, 100);
  const more = rig.clone();
  for (let i = 0; i < 100; i++) {
    rig.receives(more, `payload number ${i}`);
    rig.sends(more, `payload number ${i}`);
  }
  t.strictSame(
    [payloads(more).lines().received.length, payloads(more).lines().sent.length, payloads(more).repeated.length],
    [8, 8, 64],
  );
  for (const clone of [one, other, more]) rig.monitor.end(clone);
  t.equal(book.kept, 0);
});
