import t from 'tap';
import { A, bench, F, HERE, P, Peer, R, S, type Sent, THERE, tcp } from './bench.js';

const summary = (sent: Sent[]) =>
  sent.map(
    ({ flags, data }) =>
      `${flags & S ? 'S' : ''}${flags & F ? 'F' : ''}${flags & R ? 'R' : ''}${flags & A ? 'A' : ''}${data && ` ${data}`}`,
  );

t.test('a conversation: handshake, data both ways, close', async (t) => {
  const b = await bench(t);
  b.make(1);
  const peer = new Peer(b, 1, 7);
  const [synAck] = peer.send(S);
  t.match(synAck, { src: HERE, dst: THERE, sport: 7, dport: 40000, flags: S | A, ack: 1001, window: 64240, ttl: 64 });
  t.equal(synAck!.options.toString('hex'), '020405b4', 'no option that was not offered');
  t.equal(synAck!.frame.subarray(0, 6).toString('hex'), '020000000001');
  peer.read([synAck!]);
  t.same(peer.send(A), [], 'a bare acknowledgment is not answered');
  const [echo, ...more] = peer.send(A | P, 'hello');
  t.same(more, []);
  t.match(echo, { flags: A | P, data: 'hello', seq: synAck!.seq + 1, ack: 1006 });
  peer.read([echo!]);
  const closing = peer.send(A | F);
  t.same(summary(closing), ['FA'], 'it closes as well');
  t.equal(closing[0]!.ack, 1007);
  peer.read(closing);
  t.same(peer.send(A), []);
  t.same(summary(peer.send(A | P, 'x')), ['R'], 'nothing is left of it');
  t.end();
});

t.test('options that are offered are agreed on', async (t) => {
  const b = await bench(t);
  b.make(1);
  const peer = new Peer(b, 1, 7);
  const offer = Buffer.from('020405b40402080a00000064000000000103030a', 'hex');
  const [synAck] = peer.send(S, '', offer);
  t.match(synAck!.options.toString('hex'), /^020405b40402080a[0-9a-f]{8}0000006401030307$/);
  peer.read([synAck!]);
  const late = Buffer.from('0101080a000000c800000000', 'hex');
  peer.window = 4;
  peer.send(A, '', late);
  const [echo] = peer.send(A | P, 'abc', late);
  t.equal(echo!.options.readUInt32BE(8), 0xc8, 'the timestamp is echoed');
  t.equal(echo!.window, (8192 - 3) >> 7, 'its window is scaled');
  const old = Buffer.from('0101080a0000000100000000', 'hex');
  const [refused] = peer.send(A | P, 'def', old);
  t.match(refused, { data: '', ack: 1004 }, 'a segment from the past is not taken');
  t.end();
});

t.test('a SYN that comes again is answered by the same SYN and ACK', async (t) => {
  const b = await bench(t);
  b.make(1);
  const syn = tcp({ dport: 7, seq: 5, flags: S });
  const [first] = b.ask(1, syn);
  const [second, ...more] = b.ask(1, syn);
  t.same(more, []);
  t.same([second!.seq, second!.ack, second!.flags], [first!.seq, first!.ack, first!.flags]);
  b.wait(1.2);
  t.match(b.take(), [{ flags: S | A, seq: first!.seq }], 'and sent again when nothing comes');
  b.wait(120);
  t.equal(b.take().length, 4, 'five times in all');
  t.same(summary(b.ask(1, tcp({ dport: 7, seq: 6, ack: first!.seq + 1, flags: A }))), ['R'], 'then it is given up');
  t.end();
});

t.test('data that is out of order is dropped and asked for again', async (t) => {
  const b = await bench(t);
  b.make(1);
  const peer = new Peer(b, 1, 7);
  peer.open();
  const { seq } = peer;
  peer.seq = seq + 3;
  t.match(peer.send(A | P, 'def'), [{ data: '', ack: seq }]);
  peer.seq = seq;
  t.match(peer.send(A | P, 'abcd'), [{ data: 'abcd', ack: seq + 4 }]);
  peer.seq = seq + 2;
  t.match(peer.send(A | P, 'cdef'), [{ data: 'ef', ack: seq + 6 }], 'an overlap is cut off');
  peer.seq = seq;
  t.match(peer.send(A | P, 'abcd'), [{ data: '', ack: seq + 6 }], 'what is known is acknowledged again');
  t.end();
});

t.test('what is not acknowledged is sent again, ever more slowly, and then given up', async (t) => {
  const b = await bench(t);
  b.make(1);
  const peer = new Peer(b, 1, 7);
  peer.open();
  const [echo] = peer.send(A | P, 'hello');
  b.wait(0.8);
  t.same(b.take(), []);
  b.wait(0.4);
  t.match(b.take(), [{ data: 'hello', seq: echo!.seq }]);
  b.wait(1.6);
  t.same(b.take(), []);
  b.wait(0.6);
  t.match(b.take(), [{ data: 'hello', seq: echo!.seq }]);
  b.wait(100);
  t.equal(b.take().length, 3);
  t.same(summary(peer.send(A | P, 'x')), ['R']);
  t.end();
});

t.test('an acknowledgment stops retransmission, a partial one goes on with the rest', async (t) => {
  const b = await bench(t);
  b.make(1);
  const peer = new Peer(b, 1, 7);
  peer.open(Buffer.from('020400c8', 'hex')); // MSS 200
  const text = 'a'.repeat(200) + 'b'.repeat(200);
  const sent = peer.send(A | P, text);
  t.same(
    sent.map(({ data }) => data.length),
    [200, 200],
    'segments are as long as the peer takes',
  );
  b.wait(1.2);
  t.same(
    b.take().map(({ data }) => data[0]),
    ['a'],
    'the oldest only',
  );
  peer.ack += 200;
  t.same(
    peer.send(A).map(({ data }) => data[0]),
    ['b'],
  );
  peer.ack += 200;
  t.same(peer.send(A), []);
  b.wait(30);
  t.same(b.take(), []);
  t.end();
});

t.test('the window of the peer is respected, and probed when it is closed', async (t) => {
  const b = await bench(t);
  b.make(1);
  const peer = new Peer(b, 1, 7);
  peer.window = 3;
  peer.open();
  const first = peer.send(A | P, 'abcdefgh');
  t.same(
    first.map(({ data }) => data),
    ['abc'],
  );
  peer.read(first);
  peer.window = 0;
  t.same(peer.send(A), [], 'nothing into a closed window');
  b.wait(1.2);
  t.same(
    b.take().map(({ data }) => data),
    ['d'],
    'one byte as a probe',
  );
  t.same(peer.send(A), [], 'which the closed window does not take');
  peer.window = 100;
  t.equal(peer.read(peer.send(A)), 'defgh');
  t.same(peer.send(A), []);
  t.end();
});

t.test('an echo announces what room it has, and says so when there is room again', async (t) => {
  const b = await bench(t);
  b.make(1);
  const peer = new Peer(b, 1, 7);
  peer.open();
  peer.window = 0;
  let taken = 0;
  let window = 64240;
  for (let i = 0; i < 10; i++) {
    for (const sent of peer.send(A | P, Buffer.alloc(1400, i))) {
      taken = sent.ack - 1001;
      window = sent.window;
    }
    peer.seq = 1001 + taken;
  }
  t.same([taken, window], [8192, 0], 'as much as the send buffer holds');
  peer.window = 65535;
  const answers = peer.send(A);
  t.ok(answers.length > 0);
  peer.ack = (peer.ack + answers.reduce((total, { data }) => total + data.length, 0)) >>> 0;
  const update = peer.send(A);
  t.ok(
    update.some(({ window }) => window >= 1400),
    'the window opens',
  );
  t.end();
});

t.test('resets and challenges (RFC 9293 3.10.7)', async (t) => {
  const b = await bench(t);
  b.make(1);
  const ask = (fields: object) => b.ask(1, tcp({ dport: 1, flags: S, ...fields }));
  t.match(ask({ seq: 77 }), [{ flags: R | A, seq: 0, ack: 78 }], 'SYN to a closed port');
  t.match(ask({ seq: 77, flags: F, data: 'xy' }), [{ flags: R | A, seq: 0, ack: 80 }], 'FIN scan of a closed port');
  t.match(ask({ seq: 1, ack: 500, flags: A }), [{ flags: R, seq: 500 }], 'ACK to a closed port');
  t.same(ask({ seq: 1, flags: R }), [], 'a reset is never answered');
  t.match(ask({ dport: 7, ack: 500, flags: A }), [{ flags: R, seq: 500 }], 'ACK to an open port');
  t.same(ask({ dport: 7, flags: 0 }), [], 'a segment with no flags to an open port');
  t.same(ask({ dport: 7, flags: S | F }), [], 'SYN and FIN at once');
  t.same(ask({ dport: 6001 }), [], 'a filtered port');

  const wrong = new Peer(b, 1, 7, 40001);
  const [synAck] = wrong.send(S);
  wrong.ack = 12345;
  t.match(wrong.send(A), [{ flags: R, seq: 12345 }], 'a handshake that acknowledges what was not sent');
  wrong.ack = synAck!.seq + 1;
  t.same(wrong.send(A), [], 'does not end the handshake');

  const peer = new Peer(b, 1, 7, 40002);
  peer.open();
  const right = { seq: peer.seq, ack: peer.ack };
  peer.seq = right.seq + 100;
  t.match(peer.send(R), [{ flags: A, ack: right.seq }], 'a reset that is near is challenged');
  peer.seq = right.seq + 1_000_000;
  t.same(peer.send(R), [], 'one that is far is ignored');
  peer.seq = right.seq + 5;
  t.match(peer.send(S), [{ flags: A, ack: right.seq }], 'a SYN is challenged');
  peer.seq = right.seq;
  peer.ack = right.ack + 9;
  t.match(peer.send(A), [{ flags: A, ack: right.seq }], 'an acknowledgment of what was not sent');
  peer.ack = right.ack;
  t.equal(peer.read(peer.send(A | P, 'still here')), 'still here');
  t.same(peer.send(R), []);
  t.same(summary(peer.send(A)), ['R'], 'the right reset ends it');
  t.end();
});

t.test('after its own close it waits for the peer, then in TIME-WAIT', async (t) => {
  const b = await bench(t);
  b.make(1);
  const peer = new Peer(b, 1, 80);
  peer.open();
  const answers = peer.send(A | P, 'GET / HTTP/1.0\r\n\r\n');
  t.ok(answers.at(-1)!.flags & F, 'the server closes first');
  peer.read(answers);
  t.same(summary(peer.send(A | P, 'more')), ['A'], 'what comes later is acknowledged and ignored');
  t.same(summary(peer.send(A | F)), ['A']);
  peer.seq -= 1;
  t.same(summary(peer.send(A | F)), ['A'], 'a FIN that comes again is acknowledged again');
  const again = new Peer(b, 1, 80);
  again.seq = peer.seq + 1000;
  t.same(summary(again.send(S)), ['SA'], 'a newer SYN opens a new connection');
  b.wait(3);
  t.end();
});

t.test('both close at once', async (t) => {
  const b = await bench(t);
  b.make(1);
  const peer = new Peer(b, 1, 80);
  peer.open();
  const before = peer.ack;
  const answers = peer.send(A | P, 'GET /\r\n\r\n');
  peer.ack = before;
  t.same(summary(peer.send(A | F)), ['A']);
  peer.read(answers);
  t.same(peer.send(A), []);
  b.wait(3);
  t.same(summary(peer.send(A)), ['R'], 'TIME-WAIT is over');
  t.end();
});

t.test('sequence numbers wrap around', async (t) => {
  const b = await bench(t);
  b.make(1);
  const peer = new Peer(b, 1, 7);
  peer.seq = 0xffffffff;
  peer.read(peer.send(S));
  peer.seq = 0;
  peer.send(A);
  t.equal(peer.read(peer.send(A | P, 'around')), 'around');

  const late = new Peer(b, 1, 7, 40001);
  late.seq = 0xfffffffc;
  late.read(late.send(S));
  t.equal(late.read(late.send(A | P, 'abcdef')), 'abcdef');
  t.equal(late.seq, 3);
  t.end();
});

t.test('the connection table is bounded; the one idle longest is forgotten', async (t) => {
  const b = await bench(t);
  b.make(1);
  const first = new Peer(b, 1, 7, 1001);
  const second = new Peer(b, 1, 7, 1002);
  first.open();
  second.open();
  for (let port = 2000; port < 2058; port++) new Peer(b, 1, 7, port).open();
  t.equal(first.read(first.send(A | P, 'x')), 'x', 'sixty fit');
  t.equal(b.backend.counters.evicted, 0);
  new Peer(b, 1, 7, 3000).open();
  t.equal(b.backend.counters.evicted, 1);
  t.same(summary(second.send(A | P, 'y')), ['R']);
  t.equal(first.read(first.send(A | P, 'z')), 'z');
  t.end();
});
