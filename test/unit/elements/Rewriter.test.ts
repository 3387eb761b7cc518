import t from 'tap';
import { REWRITE } from '../../../src/packet/rewrite/column.js';
import { Substitution } from '../../../src/packet/rewrite/substitution.js';
import { bench, CLONE, OUTSIDE, packetOf, type Seg, segOf, through } from '../../property/rewrite-rig.js';
import { columnsOf, craft } from '../craft.js';
import { Exit } from '../exit.js';
import { rig } from '../rig.js';

const [FIN, SYN, RST, ACK, URG] = [1, 2, 4, 16, 32];
const OUT = { src: CLONE, sport: 1234, dst: OUTSIDE, dport: 80 };
const BACK = { src: OUTSIDE, sport: 80, dst: CLONE, dport: 1234 };

const substitution = new Substitution(
  [
    { from: Buffer.from('cmd.exe'), to: Buffer.from('harmless') },
    { from: Buffer.from('BAD'), to: Buffer.alloc(0) },
  ],
  'test',
);

/** A connection that is open: the clone's first byte has number 1001, the other's 501. */
function open(config = '') {
  const made = bench(substitution, config);
  const say = (input: string, ends: typeof OUT, seg: Partial<Seg>, options?: Buffer<ArrayBuffer>) => {
    const whole = { seq: 1001, ack: 501, flags: ACK, window: 8000, data: Buffer.alloc(0), ...seg };
    return Object.fromEntries(
      Object.entries(through(made, input, [packetOf(ends, whole, options)])).map(([name, list]) => [
        name,
        list.map(segOf),
      ]),
    );
  };
  const [syn] = say('forward', OUT, { seq: 1000, ack: 0, flags: SYN }).forward!;
  const base = syn!.seq;
  say('back', BACK, { seq: 500, ack: (base + 1) >>> 0, flags: SYN | ACK });
  return {
    ...made,
    element: made.rewriter.element,
    clone: (seg: Partial<Seg>, input = 'forward') =>
      say(input, OUT, seg)[input]!.map((each) => ({ ...each, at: (each.seq - base) | 0, text: each.data.toString() })),
    peer: (at: number, seg: Partial<Seg> = {}, options?: Buffer<ArrayBuffer>) =>
      say('back', BACK, { seq: 501, ack: (base + at) >>> 0, ...seg }, options).back!.map(({ ack }) => ack),
    later: (seconds: number) => {
      made.rewriter.wait(seconds);
      return made.rewriter
        .run()
        .forward!.map(({ bytes }) => ({ at: (segOf(bytes).seq - base) | 0, text: segOf(bytes).data.toString() }));
    },
  };
}

const data = (seq: number, text: string): Partial<Seg> => ({ seq, data: Buffer.from(text) });

t.test('a match is replaced, and both ends see numbers that fit', async (t) => {
  const { clone, peer } = open();
  t.match(clone(data(1001, 'a cmd.exe b')), [{ at: 1, text: 'a harmless b' }]);
  t.same(peer(13), [1012], 'all of it');
  t.match(clone(data(1012, 'z')), [{ at: 13, text: 'z' }]);
  t.ok(peer(3)[0]! < 1012, 'an old acknowledgement stays old');
});

t.test('half of what was put in its place acknowledges nothing of it', async (t) => {
  const { clone, peer } = open();
  clone(data(1001, 'a cmd.exe b'));
  t.same(peer(5), [1003]);
  t.same(peer(11), [1010]);
});

t.test('a match goes across segments, and its beginning waits', async (t) => {
  const { clone, peer, later } = open();
  t.match(clone(data(1001, 'xcmd.')), [{ at: 1, text: 'x' }]);
  t.same(peer(2), [1002]);
  t.match(clone(data(1006, 'exey')), [{ at: 2, text: 'harmlessy' }]);
  t.match(clone(data(1010, 'cm')), [{ at: 11, text: '' }]);
  t.same(later(1), [], 'as long as something is on the way');
  peer(11);
  t.same(later(1), [{ at: 11, text: 'cm' }], 'but not for ever');
  t.match(clone(data(1012, 'd.exez')), [{ at: 13, text: 'z' }], 'the rest of a match is left out then');
});

t.test('what is sent again is what was sent first', async (t) => {
  const { clone } = open();
  clone(data(1001, 'one'));
  t.match(clone(data(1001, 'BADtwo')), [{ at: 1, text: 'onetwo' }]);
  t.match(clone(data(1005, 'EVIL!')), [{ at: 5, text: 'woIL!' }], 'and what is new of it follows');
});

t.test('what is left out is acknowledged with what was before it', async (t) => {
  const { clone, peer } = open();
  clone(data(1001, 'xy'));
  t.match(clone(data(1003, 'BAD')), [{ at: 0, text: '' }], 'the receiver is made to tell how far it is');
  t.same(peer(3), [1006]);
});

t.test('what comes early is held, and the end is where it was said to be', async (t) => {
  const { clone, peer } = open();
  t.match(clone({ ...data(1005, 'exe'), flags: ACK | FIN }), [{ text: '' }]);
  t.match(clone(data(1001, 'cmd.')), [{ at: 1, text: 'harmless', flags: ACK | FIN }]);
  t.same(peer(10), [1009]);
  t.same(clone(data(1009, 'more')), []);
});

t.test('selective acknowledgements are mapped, or taken out', async (t) => {
  const { clone, rewriter } = open();
  const [first] = clone(data(1001, 'abcmd.exeef'));
  const base = first!.seq - 1;
  const sack = (...edges: number[]) => {
    const options = Buffer.alloc(2 + 2 + 4 * edges.length, 1);
    options.writeUInt16BE(0x0500 | (2 + 4 * edges.length), 2);
    for (const [i, edge] of edges.entries()) options.writeUInt32BE((base + edge) >>> 0, 4 + 4 * i);
    const packet = packetOf(
      BACK,
      { seq: 501, ack: (base + 1) >>> 0, flags: ACK, window: 9, data: Buffer.alloc(0) },
      options,
    );
    rewriter.put(packet, { ...columnsOf(packet), universe: 1 }, 'back');
    return rewriter.run().back![0]!.bytes.subarray(42);
  };
  t.equal(sack(2, 12).toString('hex'), '050a000003ea000003f3');
  t.equal(sack(4, 6).toString('hex'), '01'.repeat(10), 'a block that holds nothing whole');
  t.equal(sack(4, 6, 11, 13).toString('hex'), `050a000003f2000003f4${'01'.repeat(8)}`);
});

t.test('what tells of something that was not sent goes nowhere', async (t) => {
  const { peer, element } = open();
  t.same(peer(2), []);
  t.equal(element.drops.unsent.value, 1);
});

t.test('urgent bytes stay in the stream, and resets carry nothing', async (t) => {
  const { clone } = open();
  t.match(clone({ ...data(1001, 'cm!d.exe'), flags: ACK | URG }), [{ text: 'cm!d.exe', flags: ACK }]);
  t.match(clone({ ...data(1009, 'cmd.exe'), flags: RST }), [{ at: 9, text: '', flags: RST }]);
});

t.test('what cannot be followed is dropped', async (t) => {
  const made = open('CONNECTIONS 1');
  const { clone, element, rewriter, column } = made;
  t.same(clone({ flags: SYN | FIN, seq: 1000 }), []);
  t.same(clone(data(1001, 'x'), 'reflect'), []);
  for (const flags of [SYN, ACK]) {
    const other = packetOf({ ...OUT, sport: 9 }, { seq: 1, ack: 1, flags, window: 1, data: Buffer.from('cmd.exe') });
    t.same(through(made, 'forward', [other]).forward, []);
  }
  const broken = packetOf(OUT, { seq: 1001, ack: 501, flags: ACK, window: 1, data: Buffer.from('x') });
  broken[40] = 7;
  t.same(through(made, 'forward', [broken]).forward, []);
  for (const wanted of [
    { proto: 47 },
    { proto: 17, fragment: 0x2000, payload: Buffer.alloc(8) },
    { proto: 6, fragment: 0x2000, payload: Buffer.alloc(20) },
  ]) {
    const packet = craft({ src: CLONE, dst: OUTSIDE, sport: 1234, dport: 80, ...wanted });
    rewriter.put(packet, { ...columnsOf(packet), universe: 1, rewrite: column }, 'forward');
    t.same(rewriter.run().forward, []);
  }
  const dropped = Object.entries(element.drops).map(([name, drop]) => [name, drop.value]);
  t.match(Object.fromEntries(dropped), {
    flags: 1,
    moved: 1,
    streams: 1,
    untracked: 1,
    checksum: 1,
    protocol: 1,
    fragment: 2,
  });
});

t.test('datagrams are rewritten whole', async (t) => {
  const made = bench(substitution);
  const send = (wanted: Parameters<typeof craft>[0]) =>
    through(made, 'forward', [craft({ src: CLONE, dst: OUTSIDE, ...wanted })]).forward!;
  const [udp] = send({ proto: 17, payload: Buffer.from('a cmd.exe BAD') });
  const expected = craft({ src: CLONE, dst: OUTSIDE, proto: 17, payload: Buffer.from('a harmless ') });
  t.equal(udp!.toString('hex'), expected.toString('hex'));
  const [echo] = send({ proto: 1, icmp: [8, 0], payload: Buffer.from('BAD') });
  t.equal(echo!.toString('hex'), craft({ src: CLONE, dst: OUTSIDE, proto: 1, icmp: [8, 0] }).toString('hex'));
  t.same(send({ proto: 17, payload: Buffer.from('cmd.exe'.repeat(200)) }), [], 'it has grown too long');
  const quoted = craft({ src: OUTSIDE, dst: CLONE, payload: Buffer.from('cmd.exe') });
  t.equal(send({ proto: 1, icmp: [3, 3], payload: quoted })[0]!.length, 56, 'an error quotes headers alone');
});

t.test('a quiet connection is forgotten, and one of a universe that has ended', async (t) => {
  const { clone, later, rewriter, element } = open('TIMEOUT 100s');
  await rewriter.engine.start();
  clone(data(1001, 'abc'));
  rewriter.wait(200);
  later(0);
  t.equal(element.waiting, 0);
  t.same(clone(data(1004, 'x')), [], 'what goes on is not known');
  await rewriter.engine.stop();
});

t.test('what nobody has rewritten does not leave', async (t) => {
  const exit = rig(Exit);
  const packet = packetOf(OUT, { seq: 1, ack: 1, flags: ACK, window: 1, data: Buffer.from('cmd.exe') });
  for (const rewrite of [0, 1]) exit.put(packet, { ...columnsOf(packet), rewrite });
  exit.run();
  t.equal(exit.element.sent, 1);
  t.equal((exit.element.drops as Record<string, { value: number }>)['unwritten']!.value, 1);
});

t.test('a connection that is decided anew is rewritten from there on', async (t) => {
  const made = bench(substitution);
  const { column, rewriter } = made;
  const packet = packetOf(OUT, { seq: 77, ack: 1, flags: ACK, window: 1, data: Buffer.from('cmd.exe') });
  rewriter.put(packet, { ...columnsOf(packet), universe: 1, rewrite: column | REWRITE.anew }, 'forward');
  const [first] = rewriter.run().forward!;
  t.match(segOf(first!.bytes), { seq: 77, data: Buffer.from('harmles') }, 'as far as there is room for certain');
  const next = packetOf(OUT, { seq: 84, ack: 1, flags: ACK, window: 1, data: Buffer.from('BADx') });
  t.match(segOf(through(made, 'forward', [next]).forward![0]!), { seq: 84, data: Buffer.from('sx') });
});
