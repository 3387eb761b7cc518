import t from 'tap';
import { EXPLOIT } from '../../../../src/farm/simulated/chain.js';
import { A, arp, type Bench, bench, F, GATEWAY, HERE, P, Peer, type Sent } from './bench.js';

t.test('HTTP: one page, then the end', async (t) => {
  const b = await bench(t);
  b.make(1, { hostname: 'box' });
  const peer = new Peer(b, 1, 80);
  peer.open();
  t.equal(peer.read(peer.send(A | P, 'GET /x HTTP/1.1\r\nHost: a\r')), '', 'the request is not complete');
  t.equal(peer.read(peer.send(A | P, '\n')), '');
  const answers = peer.send(A | P, '\r\n');
  const [header, body] = peer.read(answers).split('\r\n\r\n');
  t.equal(body, '<html><head><title>Hello &lt;box></title></head><body><h1>Hello &lt;box></h1></body></html>\n');
  t.same(header!.split('\r\n'), [
    'HTTP/1.0 200 OK',
    'Date: Sun, 09 Sep 2001 01:46:40 GMT',
    'Server: Test/1',
    'Content-Type: text/html',
    `Content-Length: ${body!.length}`,
    'Connection: close',
  ]);
  t.ok(answers.at(-1)!.flags & F);
  t.end();
});

t.test('HTTP: HEAD has no body', async (t) => {
  const b = await bench(t);
  b.make(1);
  const peer = new Peer(b, 1, 80);
  peer.open();
  const [header, body] = peer.read(peer.send(A | P, 'HEAD / HTTP/1.0\n\n')).split('\r\n\r\n');
  t.match(header, /^HTTP\/1.0 200 OK/);
  t.equal(body, '');
  t.end();
});

t.test('a banner comes first; silence stays', async (t) => {
  const b = await bench(t);
  b.make(1, { hostname: 'box' });
  const banner = new Peer(b, 1, 21);
  t.equal(banner.open(), '220 box ready\r\n');
  t.equal(banner.read(banner.send(A | P, 'USER x\r\n')), '');
  const silent = new Peer(b, 1, 9);
  t.equal(silent.open(), '');
  t.match(silent.send(A | P, 'hello?'), [{ data: '', ack: 1007 }]);
  t.end();
});

/**
 * Carries what clones have sent to the clones it is for, answers their ARP requests, and goes on until all are quiet.
 * Returns what they have sent to others.
 */
function network(b: Bench, addresses: Map<number, number>, first: Sent[] = b.take()): Sent[] {
  const outside: Sent[] = [];
  for (let sent = first; sent.length > 0; sent = b.take()) {
    for (const each of sent) {
      const { clone, type, dst, frame } = each;
      const to = addresses.get(dst);
      if (type === 0x0806) {
        b.give(clone, arp(2, GATEWAY, frame.readUInt32BE(38), frame.readUInt32BE(28), macOf(clone)));
      } else if (to === undefined) outside.push(each);
      else b.give(to, Buffer.concat([macOf(to), GATEWAY, frame.subarray(12)]));
    }
  }
  return outside;
}

const macOf = (id: number) => Buffer.from([2, 0x50, 0, 0, 0, id]);

/** Clones 1, 2, 3 … at addresses from HERE on. */
function row(b: Bench, count: number): Map<number, number> {
  const addresses = new Map<number, number>();
  for (let id = 1; id <= count; id++) {
    addresses.set(HERE + id - 1, id);
    b.make(id, { address: HERE + id - 1, mac: macOf(id), entropy: BigInt(id) });
  }
  return addresses;
}

/** Talks to the first clone of a row. */
class Attacker extends Peer {
  readonly addresses: Map<number, number>;

  constructor(b: Bench, addresses: Map<number, number>) {
    super(b, 1, 7007, 40000, { mac: macOf(1) });
    this.addresses = addresses;
    this.open();
  }

  /** Says a line and returns what comes back in the end. */
  say(line: string): string {
    const text = this.read(network(this.bench, this.addresses, this.send(A | P, line)));
    this.send(A);
    return text;
  }
}

t.test('a chain: A to B to C to D', async (t) => {
  const b = await bench(t);
  const addresses = row(b, 4);
  const attacker = new Attacker(b, addresses);
  const visits: string[] = [];
  const { deliver } = b.backend;
  b.backend.deliver = function (packets, rows, count) {
    for (const row of rows.subarray(0, count)) {
      const id = packets.clone[row]!;
      if (id > 1 && packets.bytes[packets.start[row]! + 47] === 2) visits.push(`${id - 1} to ${id}`);
    }
    return deliver.call(this, packets, rows, count);
  };
  t.equal(attacker.say('go 3\r\n'), 'went to 10.99.0.2\r\n');
  t.same(visits, ['1 to 2', '2 to 3', '3 to 4'], 'the SYNs in their order');
  t.end();
});

t.test('a chain of one, and of none', async (t) => {
  const b = await bench(t);
  const attacker = new Attacker(b, row(b, 2));
  t.equal(attacker.say('go 1\n'), 'went to 10.99.0.2\r\n');
  const complaint = 'expected: go N, with N from 1 to 32\r\n';
  t.equal(attacker.say('go 0\n'), complaint);
  t.equal(attacker.say('go 33\n'), complaint);
  t.equal(attacker.say('gone\n'), complaint);
  t.equal(attacker.say('go 1x\n'), complaint);
  t.equal(attacker.say('go 1000000000000000000\n'), complaint);
  t.equal(attacker.say('\r\n'), '', 'an empty line is nothing');
  t.equal(attacker.say('# go 1\r\n'), '', 'nor is a comment');
  t.equal(attacker.say(`${EXPLOIT}go 1\n`), 'went to 10.99.0.2\r\n');
  t.end();
});

t.test('a chain that leads nowhere says so', async (t) => {
  const b = await bench(t);
  const addresses = row(b, 1);
  const attacker = new Attacker(b, addresses);
  attacker.send(A | P, 'go 2\n');
  let text = '';
  for (let i = 0; i < 70 && !text; i++) {
    b.wait(1);
    text = attacker.read(network(b, addresses).filter(({ dport }) => dport === 40000));
  }
  t.equal(text, 'could not go to 10.99.0.2\r\n');
  t.end();
});

t.test('more commands than connections', async (t) => {
  const b = await bench(t);
  const attacker = new Attacker(b, row(b, 1));
  attacker.send(A | P, 'go 1\n'.repeat(250));
  t.ok(b.backend.counters.evicted > 150);
  t.match(attacker.send(A | P, 'what\n'), [{ data: /^expected/ }], 'the one they came by is still there');
  t.end();
});
