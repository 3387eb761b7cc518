import t from 'tap';
import { EXPLOIT } from '../../../../src/farm/simulated/chain.js';
import { A, arp, type Bench, bench, GATEWAY, HERE, P, Peer, R, S, type Sent, tcp } from './bench.js';

const NEXT = HERE + 1;
const answer = () => arp(2, GATEWAY, NEXT, HERE);

/** A machine that was told to go to the next address, and the peer that told it. */
function told(b: Bench): { peer: Peer; sent: Sent[] } {
  b.make(1);
  const peer = new Peer(b, 1, 7007);
  peer.open();
  return { peer, sent: peer.send(A | P, 'go 2\n') };
}

t.test('it asks for the hardware address, and again, and then opens', async (t) => {
  const b = await bench(t);
  const { sent } = told(b);
  t.equal(sent[0]!.frame.toString('hex', 0, 6), 'ffffffffffff');
  t.equal(sent[0]!.frame.readUInt32BE(38), NEXT);
  b.wait(1.2);
  t.match(b.take(), [{ type: 0x0806 }]);
  t.same(b.ask(1, arp(2, GATEWAY, NEXT + 1, HERE)), [], 'another address is of no use');
  const [syn, ...more] = b.ask(1, answer());
  t.same(more, []);
  t.match(syn, { dst: NEXT, dport: 7007, flags: S, ack: 0 });
  t.match(syn!.options.toString('hex'), /^020405b40402080a[0-9a-f]{16}01030307$/);
  t.same(b.ask(1, answer()), [], 'an answer that comes again changes nothing');
  b.wait(5);
  t.ok(
    b.take().every(({ flags, seq }) => flags === S && seq === syn!.seq),
    'its SYN is sent again',
  );
  t.end();
});

t.test('the handshake that it began', async (t) => {
  const b = await bench(t);
  const { peer, sent } = told(b);
  peer.read(sent.slice(1));
  const [syn] = b.ask(1, answer());
  const next = { src: NEXT, sport: 7007, dport: syn!.sport };
  t.match(b.ask(1, tcp({ ...next, seq: 70, ack: 5, flags: S | A })), [{ flags: R, seq: 5 }], 'an answer to nothing');
  t.same(b.ask(1, tcp({ ...next, seq: 70, ack: 5, flags: R | A })), [], 'a reset of nothing');
  const both = b.ask(1, tcp({ ...next, seq: 70, ack: syn!.seq + 1, flags: S | A }));
  t.match(both, [
    { dport: 40000, data: 'went to 10.99.0.2\r\n' },
    { dport: 7007, flags: A | P, seq: syn!.seq + 1, ack: 71, data: `${EXPLOIT}go 1\n` },
  ]);
  t.end();
});

t.test('a refusal is told', async (t) => {
  const b = await bench(t);
  told(b);
  const [syn] = b.ask(1, answer());
  const reset = tcp({ src: NEXT, sport: 7007, dport: syn!.sport, ack: syn!.seq + 1, flags: R | A });
  t.match(b.ask(1, reset), [{ dport: 40000, data: 'could not go to 10.99.0.2\r\n' }]);
  t.end();
});

t.test('both sides open at once (RFC 9293 3.5)', async (t) => {
  const b = await bench(t);
  told(b);
  const [syn] = b.ask(1, answer());
  const next = { src: NEXT, sport: 7007, dport: syn!.sport };
  t.match(b.ask(1, tcp({ ...next, seq: 70, flags: S })), [{ flags: S | A, seq: syn!.seq, ack: 71 }]);
  const open = b.ask(1, tcp({ ...next, seq: 70, ack: syn!.seq + 1, flags: S | A }));
  t.match(open, [
    { data: 'went to 10.99.0.2\r\n' },
    { dport: 7007, data: `${EXPLOIT}go 1\n`, seq: syn!.seq + 1, ack: 71 },
  ]);
  t.end();
});
