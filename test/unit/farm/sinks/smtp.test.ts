import fc from 'fast-check';
import t from 'tap';
import { SmtpTalk } from '../../../../src/farm/sinks/smtp.js';
import { Heard, PEER } from './heard.js';

function connect(message = 1000) {
  const heard = new Heard();
  return heard.open(new SmtpTalk(PEER, heard, { host: 'mail', banner: 'ESMTP x', message, ...heard.options }));
}

const MAIL = 'MAIL FROM:<a@b.c>\r\nRCPT TO:<d@e.f>\r\nRCPT TO:g@h.i NOTIFY=NEVER\r\nDATA\r\n';
const codes = (answer: string) =>
  answer
    .split('\r\n')
    .slice(0, -1)
    .map((line) => line.slice(0, 4).trim());

t.test('a mail is taken, in pieces of any size, and kept as it was', async (t) => {
  for (const piece of [1, 7, 10_000]) {
    const smtp = connect();
    t.equal(smtp.said, '220 mail ESMTP x\r\n');
    t.match(smtp.send('EHLO pc\r\n', piece), /^250-mail\r\n(250-.*\r\n)+250 AUTH PLAIN LOGIN\r\n$/);
    const answer = smtp.send(`${MAIL}Subject: x\r\n\r\n..dot\r\n..\r\n.\r\nQUIT\r\n`, piece);
    t.same(codes(answer), ['250', '250', '250', '354', '250', '221']);
    t.ok(smtp.closed);
    t.match(smtp.kept, [
      {
        kind: 'mail',
        body: 'Subject: x\r\n\r\n.dot\r\n.\r\n',
        facts: { helo: 'pc', from: 'a@b.c', to: ['d@e.f', 'g@h.i'], truncated: false, complete: true, bytes: 23 },
      },
    ]);
    t.match(smtp.told, ['mail from <a@b.c> to 2 recipients, 23 bytes']);
  }
});

t.test('every password is right, and is kept', async (t) => {
  const base64 = (text: string) => Buffer.from(text).toString('base64');
  const plain = connect();
  t.same(codes(plain.send(`AUTH PLAIN ${base64('\0me\0secret')}\r\n${MAIL}x\r\n.\r\n`)), [
    '235',
    '250',
    '250',
    '250',
    '354',
    '250',
  ]);
  t.match(plain.kept[0]!.facts, { user: 'me', password: 'secret' });
  const later = connect();
  t.same(codes(later.send('auth plain\r\n')), ['334']);
  t.same(codes(later.send(`${base64('\0me\0secret')}\r\n`)), ['235']);
  const login = connect();
  t.equal(login.send('AUTH LOGIN\r\n'), '334 VXNlcm5hbWU6\r\n');
  t.equal(login.send(`${base64('you')}\r\n`), '334 UGFzc3dvcmQ6\r\n');
  t.same(codes(login.send(`${base64('pw')}\r\n${MAIL}.\r\n`)), ['235', '250', '250', '250', '354', '250']);
  t.match(login.kept[0]!.facts, { user: 'you', password: 'pw' });
  t.same(codes(connect().send('AUTH LOGIN\r\n*\r\nNOOP\r\nAUTH CRAM-MD5\r\n')), ['334', '501', '250', '504']);
});

t.test('what is out of order or makes no sense gets an error, and after many the connection ends', async (t) => {
  const smtp = connect();
  const wrong =
    'RCPT TO:<a>\r\nDATA\r\nMAIL <a>\r\nMAIL FROM:<a>\r\nMAIL FROM:<b>\r\nDATA\r\nRCPT <a>\r\nRSET\r\nDATA\r\nfoo\r\n\r\n';
  t.same(codes(smtp.send(wrong)), ['503', '503', '501', '250', '503', '503', '501', '250', '503', '500', '500']);
  t.same(codes(smtp.send(`${'x'.repeat(5000)}\r\nNOOP\r\nVRFY a\r\nHELP\r\nHELO x\r\n`)), [
    '500',
    '250',
    '252',
    '214',
    '250',
  ]);
  t.match(smtp.send('x\r\n'.repeat(30)), /421 4\.7\.0 mail Too many errors\r\n$/);
  t.ok(smtp.closed);
});

t.test('a mail that is too long, or for too many, is kept in part', async (t) => {
  const smtp = connect();
  smtp.send(`MAIL FROM:<a>\r\n${'RCPT TO:<b>\r\n'.repeat(100)}`);
  t.same(codes(smtp.send('RCPT TO:<c>\r\n')), ['452']);
  t.same(codes(smtp.send(`DATA\r\n${`${'x'.repeat(98)}\r\n`.repeat(50)}.\r\n`)), ['354', '250']);
  t.match(smtp.kept[0], { facts: { bytes: 5000, truncated: true, complete: true } });
  t.equal(smtp.kept[0]!.body.length, 1000);
  smtp.send(`${MAIL}half of it\r\n`);
  smtp.end();
  t.match(smtp.kept[1], { body: 'half of it\r\n', facts: { complete: false } }, 'and one that is cut off');
  t.ok(smtp.budget.take(1 << 20), 'all memory is given back');
});

t.test('any bytes: never an exception, answers are bounded, memory is given back', async () => {
  const part = fc.oneof(
    fc.constantFrom(
      'EHLO x\r\n',
      'MAIL FROM:<a>\r\n',
      'RCPT TO:<b>\r\n',
      'DATA\r\n',
      '.\r\n',
      'AUTH LOGIN\r\n',
      'AUTH PLAIN =\r\n',
      'QUIT\r\n',
      'RSET\n',
      '\n',
      '\0',
    ),
    fc.uint8Array({ maxLength: 80 }).map((bytes) => Buffer.from(bytes).toString('latin1')),
  );
  fc.assert(
    fc.property(fc.array(part, { maxLength: 60 }), fc.integer({ min: 1, max: 50 }), (parts, piece) => {
      const smtp = connect();
      const text = parts.join('');
      smtp.send(text, piece);
      const lines = text.split('\n').length;
      if (smtp.said.length > 200 * lines) throw new Error('it says too much');
      smtp.end();
      if (!smtp.budget.take(1 << 20)) throw new Error('memory is lost');
    }),
    { numRuns: 300 },
  );
});
