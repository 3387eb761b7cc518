import fc from 'fast-check';
import t from 'tap';
import { HttpTalk } from '../../../../src/farm/sinks/http.js';
import { Heard, PEER } from './heard.js';

const PAGE = '<html>page</html>';

function connect(message = 1000) {
  const heard = new Heard();
  return heard.open(
    new HttpTalk(PEER, heard, { server: 'Apache', page: Buffer.from(PAGE), message, ...heard.options }),
  );
}

t.test('requests on one connection, in pieces of any size', async (t) => {
  for (const piece of [1, 5, 10_000]) {
    const http = connect();
    const first = http.send('GET /a?b HTTP/1.1\r\nHost: www.x.test\r\nX-Y:  z \r\n\r\n', piece);
    t.match(first, /^HTTP\/1\.1 200 OK\r\nDate: Fri, 15 Jan 2027 08:00:00 GMT\r\nServer: Apache\r\n/);
    t.match(first, `Content-Length: ${PAGE.length}\r\nConnection: keep-alive\r\n\r\n${PAGE}`);
    const head = http.send('HEAD / HTTP/1.1\r\n\r\n', piece);
    t.match(head, /keep-alive\r\n\r\n$/, 'a page without its body');
    http.send('POST /p HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello', piece);
    http.send(
      'PUT /q HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nTrailer: t\r\n\r\n',
      piece,
    );
    t.notOk(http.closed);
    t.match(http.send('GET / HTTP/1.0\r\n\r\n', piece), 'Connection: close');
    t.ok(http.closed);
    t.match(
      http.kept.map(({ body, facts }) => [facts['method'], facts['path'], body, facts['complete']]),
      [
        ['GET', '/a?b', '', true],
        ['HEAD', '/', '', true],
        ['POST', '/p', 'hello', true],
        ['PUT', '/q', 'abcde', true],
        ['GET', '/', '', true],
      ],
    );
    t.same(http.kept[0]!.facts['fields'], [
      ['Host', 'www.x.test'],
      ['X-Y', 'z'],
    ]);
    t.equal(http.told[0], 'GET http://www.x.test/a?b');
  }
});

t.test('who asks first whether to go on is told to', async (t) => {
  const http = connect();
  t.equal(
    http.send('POST / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n'),
    'HTTP/1.1 100 Continue\r\n\r\n',
  );
  t.match(http.send('ok'), /^HTTP\/1\.1 200 OK/);
});

t.test('staying open', async (t) => {
  t.match(connect().send('GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n'), 'Connection: keep-alive');
  const http = connect();
  t.match(http.send('GET / HTTP/1.1\r\nConnection: close\r\n\r\nGET / HTTP/1.1\r\n\r\n').match(/200 OK/g), {
    length: 1,
  });
  t.ok(http.closed);
});

t.test('what is no request is refused', async (t) => {
  for (const text of [
    'hello\r\n',
    'GET /\r\n',
    'GET / HTTP/2.0\r\n',
    'GET  / HTTP/1.1\r\n',
    'GET / HTTP/1.1\r\nno colon\r\n',
    'GET / HTTP/1.1\r\n : x\r\n',
    'POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n',
    'POST / HTTP/1.1\r\nContent-Length: 99999999999999\r\n\r\n',
    'POST / HTTP/1.1\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n',
    'POST / HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\n',
    'POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n',
    'POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nabc\r\n',
    `GET /${'x'.repeat(5000)} HTTP/1.1\r\n`,
    `GET / HTTP/1.1\r\n${'a: b\r\n'.repeat(100)}`,
    `GET / HTTP/1.1\r\n${`a: ${'b'.repeat(4000)}\r\n`.repeat(6)}`,
  ]) {
    const http = connect();
    t.match(http.send(text), /^HTTP\/1\.1 400 Bad Request\r\n/, text.slice(0, 60));
    t.ok(http.closed);
    t.match(http.kept.at(-1)!.facts, { complete: false });
  }
});

t.test('a long body is kept in part, and so is one that is cut off', async (t) => {
  const http = connect();
  http.send(`POST / HTTP/1.1\r\nContent-Length: 5000\r\n\r\n${'x'.repeat(5000)}`);
  t.match(http.kept[0]!.facts, { bytes: 5000, truncated: true, complete: true });
  t.equal(http.kept[0]!.body.length, 1000);
  http.send('POST / HTTP/1.1\r\nContent-Length: 5000\r\n\r\nhalf');
  http.end();
  t.match(http.kept[1], { body: 'half', facts: { complete: false } });
  t.ok(http.budget.take(1 << 20), 'all memory is given back');
});

t.test('any bytes: never an exception, answers are bounded, memory is given back', async () => {
  const part = fc.oneof(
    fc.constantFrom(
      'GET / HTTP/1.1\r\n',
      'POST /x HTTP/1.0\r\n',
      'Content-Length: 4\r\n',
      'Transfer-Encoding: chunked\r\n',
      '\r\n',
      '3\r\nabc\r\n',
      '0\r\n',
      'a: b\n',
    ),
    fc.uint8Array({ maxLength: 60 }).map((bytes) => Buffer.from(bytes).toString('latin1')),
  );
  fc.assert(
    fc.property(fc.array(part, { maxLength: 40 }), fc.integer({ min: 1, max: 50 }), (parts, piece) => {
      const http = connect(20);
      const text = parts.join('');
      http.send(text, piece);
      if (http.said.length > 300 * (1 + text.split('\n').length)) throw new Error('it says too much');
      http.end();
      if (!http.budget.take(1 << 20)) throw new Error('memory is lost');
    }),
    { numRuns: 300 },
  );
});
