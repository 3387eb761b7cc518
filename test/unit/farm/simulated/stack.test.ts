import t from 'tap';
import { arp, bench, GATEWAY, HERE, ip, MAC, ping, S, THERE, tcp, udp } from './bench.js';

t.test('ARP: it answers for its address and no other', async (t) => {
  const b = await bench(t);
  b.make(1);
  const everybody = Buffer.alloc(6, 255);
  const [answer, ...more] = b.ask(1, arp(1, GATEWAY, THERE, HERE, everybody));
  t.same(more, []);
  t.same(answer!.frame, arp(2, MAC, HERE, THERE, GATEWAY));
  t.same(b.ask(1, arp(1, GATEWAY, THERE, HERE + 1, everybody)), []);
  t.equal(b.backend.counters.astray, 1);
  t.end();
});

t.test('ICMP echo', async (t) => {
  const b = await bench(t);
  b.make(1);
  for (const text of ['', 'a', 'some data', 'x'.repeat(1472)]) {
    const [reply, ...more] = b.ask(1, ping(text));
    t.same(more, []);
    t.match(reply, { src: HERE, dst: THERE, protocol: 1, ttl: 64 });
    t.equal(reply!.payload.toString('latin1', 8), text);
    t.equal(reply!.payload.readUInt32BE(4), 0x12340001);
    t.equal(reply!.payload.readUInt16BE(0), 0);
  }
  const coded = ping('x');
  coded[35] = 9;
  coded.writeUInt16BE(coded.readUInt16BE(36) - 9, 36);
  t.equal(b.ask(1, coded)[0]!.payload.readUInt16BE(0), 9, 'the code is sent back, as Linux does');
  t.end();
});

t.test('UDP: echo, silence, port unreachable', async (t) => {
  const b = await bench(t);
  b.make(1);
  t.match(b.ask(1, udp(5000, 7, 'hello')), [{ protocol: 17, sport: 7, dport: 5000, data: 'hello' }]);
  t.same(b.ask(1, udp(7, 7, 'hello')), [], 'an echo does not answer an echo');
  t.same(b.ask(1, udp(5000, 9, 'hello')), []);
  t.same(b.ask(1, udp(5000, 6000, 'hello')), []);
  const question = udp(5000, 53, 'hello');
  const [error] = b.ask(1, question);
  t.match(error, { protocol: 1, dst: THERE });
  t.equal(error!.payload.readUInt16BE(0), 0x0303);
  t.same(error!.payload.subarray(8), question.subarray(14, 14 + 28), 'it quotes the header and eight bytes');
  t.end();
});

t.test('what is damaged, astray or a fragment is counted and not answered', async (t) => {
  const b = await bench(t);
  b.make(1);
  const broken = (frame: Buffer, at: number) => {
    frame[at]! ^= 0x40;
    return frame;
  };
  const syn = () => tcp({ dport: 7, flags: S });
  const frames: [keyof typeof b.backend.counters, Buffer][] = [
    ['checksum', broken(syn(), 22)],
    ['checksum', broken(syn(), 40)],
    ['checksum', broken(ping('x'), 40)],
    ['checksum', broken(udp(5000, 7, 'x'), 42)],
    ['malformed', syn().subarray(0, 10)],
    ['malformed', syn().subarray(0, 30)],
    ['malformed', syn().subarray(0, 50)],
    ['malformed', ip(6, Buffer.alloc(19), {})],
    ['malformed', ip(17, Buffer.alloc(7), {})],
    ['malformed', ip(1, Buffer.alloc(7), {})],
    ['malformed', arp(1, GATEWAY, THERE, HERE).subarray(0, 40)],
    ['malformed', Buffer.concat([syn(), Buffer.alloc(1500)])],
    ['astray', tcp({ dport: 7, flags: S, mac: GATEWAY })],
    ['astray', tcp({ dport: 7, flags: S, dst: HERE + 1 })],
    ['astray', tcp({ dport: 7, flags: S, src: HERE })],
    ['astray', tcp({ dport: 7, flags: S, src: 0xe0000001 })],
    ['astray', ip(47, Buffer.alloc(20), {})],
    ['fragments', ip(1, ping('x').subarray(34), {}, 0x2000)],
    ['fragments', ip(1, ping('x').subarray(34), {}, 185)],
  ];
  for (const [name, frame] of frames) {
    const before = b.backend.counters[name];
    t.same(b.ask(1, frame), [], name);
    t.equal(b.backend.counters[name], before + 1, name);
  }
  t.end();
});

t.test('a frame longer than its packet is padded', async (t) => {
  const b = await bench(t);
  b.make(1);
  t.equal(b.ask(1, Buffer.concat([ping('short'), Buffer.alloc(13)])).length, 1);
  t.end();
});
