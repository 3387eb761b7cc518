import t from 'tap';
import { native } from '../../../src/native/addon.js';
import { ROWS } from '../../../src/packet/columns.js';
import { FIRST_DATA, FLOW } from '../../../src/packet/flow.js';
import { Flows } from '../../../src/packet/flows.js';
import { Table } from '../../../src/packet/table.js';
import { ACK, FIN, FlowRig, RST, type Spec, SYN } from './flow-rig.js';

// Hosts: EXT is on the Internet, A and B are addresses that clones play.
const EXT = 0xc6336401;
const A = 0x0a630001;
const B = 0x0a630002;

const syn: Spec = { src: EXT, dst: A, sport: 4000, dport: 80 };
/** The same packet the other way. */
const back = (spec: Spec, flags: number): Spec => ({
  ...spec,
  src: spec.dst,
  dst: spec.src,
  sport: spec.dport ?? 0,
  dport: spec.sport ?? 0,
  flags,
});
const flags = (spec: Spec, flags: number): Spec => ({ ...spec, flags });
const inU = (spec: Spec, universe: number): Spec => ({ ...spec, universe });

t.test('a SYN from outside opens a flow, and both directions follow it into its universe', async (t) => {
  const rig = new FlowRig();
  const [first, second] = rig.outside(syn, flags(syn, ACK));
  t.has(first, { disposition: 'new', universe: 0, verdict: 'undecided', state: 'fromOutside' });
  t.has(second, { disposition: 'new', flow: first!.flow, state: 'fromOutside' });
  t.not(first!.flow, 0);
  t.equal(rig.flows.pending, 1);
  rig.decide(first!, { clone: 3, universe: 9 });
  t.equal(rig.end(), 0);
  t.equal(rig.flows.pending, 0);
  t.equal(rig.flows.size, 1);

  const [known] = rig.outside(flags(syn, ACK));
  t.has(known, { disposition: 'known', flow: first!.flow, universe: 9, state: 'known fromOutside' });
  const [reply] = rig.inside(inU(back(syn, SYN | ACK), 9));
  t.has(reply, { disposition: 'known', flow: first!.flow, universe: 9 });
  t.equal(reply!.state, 'known reply fromOutside');
});

t.test('what nobody took is forgotten, known or not', async (t) => {
  const rig = new FlowRig();
  rig.outside(syn);
  rig.end();
  t.equal(rig.flows.size, 0);
  t.equal(rig.flows.pending, 0);
  rig.accept(syn, 9);
  t.has(rig.outside(flags(syn, ACK)), [{ disposition: 'known' }]);
  rig.end();
  t.equal(rig.flows.size, 0);
  t.has(rig.outside(syn), [{ disposition: 'new' }]);
});

t.test('one row that keeps a flow is enough, wherever it stands', async (t) => {
  for (const keeper of [0, 1, 2]) {
    const rig = new FlowRig();
    const results = rig.outside(syn, syn, syn);
    rig.decide(results[keeper]!, { clone: 1, universe: 5 });
    rig.end();
    t.has(rig.outside(syn), [{ disposition: 'known', universe: 5 }]);
  }
});

t.test('the first row that is taken decides about the universe', async (t) => {
  const rig = new FlowRig();
  const [one, two] = rig.outside(syn, syn);
  rig.decide(one!, { clone: 1, universe: 5 });
  rig.decide(two!, { clone: 2, universe: 6 });
  rig.end();
  t.has(rig.outside(syn), [{ universe: 5 }]);
});

t.test('only a SYN alone, UDP and an ICMP echo request open a flow', async (t) => {
  const rig = new FlowRig();
  for (const bits of [0, ACK, RST, SYN | ACK, SYN | RST, SYN | FIN, FIN | ACK, RST | ACK, FIN]) {
    t.has(rig.outside(flags(syn, bits)), [{ disposition: 'stray', flow: 0, state: '' }], `flags ${bits}`);
  }
  for (const type of [0, 3, 5, 11, 13, 17, 18, 40]) {
    t.has(rig.outside({ src: EXT, dst: A, proto: 'icmp', type }), [{ disposition: 'stray' }], `type ${type}`);
  }
  for (const proto of [0, 2, 41, 47, 50, 132, 255]) {
    t.has(rig.outside({ src: EXT, dst: A, proto }), [{ disposition: 'stray' }], `protocol ${proto}`);
  }
  t.equal(rig.flows.size, 0);
  const opening: Spec[] = [
    syn,
    { ...syn, flags: SYN | 8 },
    { ...syn, proto: 'udp' },
    { src: EXT, dst: A, proto: 'icmp' },
  ];
  for (const spec of opening) t.has(rig.outside(spec), [{ disposition: 'new' }]);
  t.equal(rig.flows.size, 3);
});

t.test('an echo reply belongs to its request, and to no other', async (t) => {
  const rig = new FlowRig();
  const ping: Spec = { src: EXT, dst: A, proto: 'icmp', type: 8, echo: 77 };
  rig.accept(ping, 4);
  const pong: Spec = { src: A, dst: EXT, proto: 'icmp', type: 0, echo: 77, universe: 4 };
  t.has(rig.inside(pong), [{ disposition: 'known', state: 'known reply fromOutside' }]);
  t.has(rig.inside({ ...pong, echo: 78 }), [{ disposition: 'stray' }]);
  t.has(rig.outside({ ...ping, type: 0 }), [{ disposition: 'stray' }], 'a reply from who asked');
  t.has(rig.inside({ ...pong, type: 8 }), [{ disposition: 'new' }], 'a ping the other way is another flow');
});

t.test('the same tuple in two universes is two flows', async (t) => {
  const rig = new FlowRig();
  const spec: Spec = { src: A, dst: B, sport: 1024, dport: 445 };
  const one = rig.send(inU(spec, 1), 'reflect');
  const two = rig.send(inU(spec, 2), 'drop');
  t.has(one, { disposition: 'new', state: '' });
  t.has(two, { disposition: 'new', state: '' });
  t.not(one.flow, two.flow);
  t.has(rig.inside(inU(spec, 1)), [{ disposition: 'known', flow: one.flow, verdict: 'reflect' }]);
  t.has(rig.inside(inU(spec, 2)), [{ disposition: 'known', flow: two.flow, verdict: 'drop' }]);
  const reply = back(spec, SYN | ACK);
  t.has(rig.inside(inU(reply, 1)), [{ disposition: 'known', flow: one.flow, state: 'known reply' }]);
  t.has(rig.inside(inU(reply, 3)), [{ disposition: 'stray' }]);
  t.has(rig.outside(reply), [{ disposition: 'stray' }], 'the outside has no part in it');
});

t.test('a packet from inside without a universe is a stray', async (t) => {
  const rig = new FlowRig();
  t.has(rig.inside(back(syn, SYN)), [{ disposition: 'stray', flow: 0 }]);
});

t.test('a forwarded flow is open to replies from outside, and taken for other universes', async (t) => {
  const rig = new FlowRig();
  const out: Spec = { src: A, dst: EXT, sport: 1024, dport: 443 };
  rig.send(inU(out, 7), 'forward');
  t.equal(rig.flows.size, 1);
  t.has(rig.outside(back(out, SYN | ACK)), [
    { disposition: 'known', universe: 7, verdict: 'forward', state: 'known reply' },
  ]);
  t.has(rig.inside(inU(out, 7)), [{ disposition: 'known', verdict: 'forward', state: 'known' }]);
  t.has(rig.inside(inU(out, 8)), [{ disposition: 'new', verdict: 'undecided', state: 'collides' }]);
  t.has(rig.outside(out), [{ disposition: 'stray' }], 'the outside cannot be the clone');
});

t.test('of two universes that open the same tuple in one turn, one is forwarded', async (t) => {
  const rig = new FlowRig();
  const out: Spec = { src: A, dst: EXT, sport: 1024, dport: 443 };
  const results = rig.inside(inU(out, 7), inU(out, 8), inU(out, 8));
  t.strictSame(
    results.map(({ state }) => state),
    ['', '', ''],
  );
  for (const result of results) rig.decide(result, { clone: 1, verdict: 'forward' });
  t.equal(rig.end(), 1);
  t.has(rig.outside(back(out, SYN | ACK)), [{ universe: 7 }]);
  t.has(rig.inside(inU(out, 8)), [{ disposition: 'known', verdict: 'undecided', state: 'known collides' }]);
});

t.test('a flow that is no longer forwarded leaves the outside', async (t) => {
  const rig = new FlowRig();
  const out: Spec = { src: A, dst: EXT, sport: 1024, dport: 443 };
  rig.send(inU(out, 7), 'forward');
  rig.send(inU(out, 7), 'reflect');
  t.equal(rig.flows.size, 1);
  t.has(rig.outside(back(out, SYN | ACK)), [{ disposition: 'stray' }]);
  t.has(rig.inside(inU(back(out, SYN | ACK), 7)), [{ disposition: 'known', verdict: 'reflect' }]);
});

t.test("a clone that plays the outside's end has no part in a flow with the outside", async (t) => {
  const rig = new FlowRig();
  rig.accept(syn, 9);
  t.has(rig.inside(inU(syn, 9)), [{ disposition: 'new', verdict: 'undecided', state: 'collides' }]);
});

t.test('a pending flow is closed to those who did not open it', async (t) => {
  const rig = new FlowRig();
  rig.outside(syn);
  t.has(rig.inside(inU(back(syn, SYN), 9)), [{ disposition: 'new', universe: 9, state: 'collides' }]);
  t.has(rig.inside(inU(back(syn, ACK), 8)), [{ disposition: 'stray' }]);
  t.has(rig.outside({ src: A, dst: EXT, proto: 'icmp', type: 3, quotes: syn }), [{ disposition: 'stray' }]);
  t.has(rig.outside({ src: EXT, dst: A, proto: 'icmp', type: 3, quotes: back(syn, 0) }), [{ disposition: 'stray' }]);
});

t.test('a SYN opens a closed connection anew', async (t) => {
  const closings: Record<string, [from: 'outside' | 'inside', flags: number][]> = {
    'a RST': [['inside', RST | ACK]],
    'one FIN': [['outside', FIN | ACK]],
    'both FIN': [
      ['inside', FIN | ACK],
      ['outside', FIN | ACK],
    ],
  };
  for (const [name, packets] of Object.entries(closings)) {
    const rig = new FlowRig();
    rig.accept(syn, 9);
    rig.send(inU(back(syn, SYN | ACK), 9), 'forward');
    rig.accept(flags(syn, ACK), 9);
    t.has(rig.outside(syn), [{ disposition: 'known' }], 'a SYN within an open connection changes nothing');
    rig.packets.reset();
    for (const [from, bits] of packets) {
      if (from === 'outside') rig.accept(flags(syn, bits), 9);
      else rig.send(inU(back(syn, bits), 9), 'forward');
    }
    const again = rig.accept(syn, 10);
    t.has(again, { disposition: 'new', universe: 0, verdict: 'undecided' }, name);
    t.has(rig.outside(flags(syn, ACK)), [{ disposition: 'known', universe: 10 }], name);
    t.equal(rig.flows.size, 1);
  }
});

t.test('who was in the old connection has no say about the new one of the same turn', async (t) => {
  const rig = new FlowRig();
  rig.accept(syn, 9);
  rig.accept(flags(syn, RST), 9);
  const [late, fresh] = rig.outside(flags(syn, FIN), syn);
  t.has(late, { disposition: 'known', universe: 9 });
  t.has(fresh, { disposition: 'new', universe: 0 });
  rig.decide(late!, { clone: 1 });
  rig.decide(fresh!, { universe: 10 });
  rig.end();
  t.equal(rig.flows.size, 0, 'nobody took the new one');
});

t.test('a reopened connection of a clone is not forwarded unless policy says so again', async (t) => {
  const out: Spec = { src: A, dst: EXT, sport: 1024, dport: 443 };
  for (const verdict of ['forward', 'reflect'] as const) {
    const rig = new FlowRig();
    rig.send(inU(out, 7), 'forward');
    rig.accept(back(out, RST | ACK), 7);
    const [late, again] = rig.inside(inU(flags(out, ACK), 7), inU(out, 7));
    t.has(late, { disposition: 'known', verdict: 'forward' });
    t.has(again, { disposition: 'new', verdict: 'undecided', state: '' });
    t.has(rig.outside(back(out, ACK)), [{ disposition: 'stray' }], 'not open to the outside yet');
    rig.decide(again!, { clone: 1, verdict });
    rig.decide(late!, { clone: 1 });
    t.equal(rig.end(), 0);
    t.equal(rig.flows.size, verdict === 'forward' ? 1 : 2, 'what is over is replaced, or stays');
    t.has(rig.inside(inU(out, 7)), [{ disposition: 'known', verdict }]);
    const expected = verdict === 'forward' ? 'known' : 'stray';
    t.has(rig.outside(back(out, SYN | ACK)), [{ disposition: expected }]);
  }
});

t.test('what is over keeps its ports from other universes until it has timed out', async (t) => {
  const out: Spec = { src: A, dst: EXT, sport: 1024, dport: 443 };
  const begun = (rig: FlowRig) => rig.send(inU(out, 7), 'forward');
  const contacted = (rig: FlowRig) => rig.accept(back(out, SYN), 7);
  for (const [name, begin] of Object.entries({ begun, contacted })) {
    const rig = new FlowRig();
    begin(rig);
    // In one turn, as a scanner would.
    const [end, again] = rig.inside(inU(flags(out, RST), 7), inU(out, 7));
    t.has(end, { disposition: 'known' }, name);
    t.has(again, { disposition: 'new', verdict: 'undecided' });
    t.notMatch(again!.state, /collides|fromOutside/);
    rig.decide(end!, { clone: 1, verdict: 'forward' });
    rig.decide(again!, { clone: 1, verdict: 'reflect' });
    t.equal(rig.end(), 0);
    t.has(rig.inside(inU(out, 8)), [{ disposition: 'new', state: 'collides' }], 'another clone with the same address');
    rig.end();
    t.has(rig.outside(flags(back(out, SYN), ACK)), [{ disposition: 'stray' }], 'it has nothing to say any more');
    t.has(rig.outside({ src: A, dst: EXT, proto: 'icmp', type: 3, quotes: back(out, 0) }), [{ disposition: 'stray' }]);
    t.has(rig.inside(inU(flags(out, ACK), 7)), [{ disposition: 'known', verdict: 'reflect' }], 'the new one goes on');
    rig.packets.reset();
    rig.now += 1000;
    t.has(rig.inside(inU(out, 8)), [{ disposition: 'new', state: '' }], 'free again');
    rig.packets.reset();
    const fresh = new FlowRig();
    begin(fresh);
    fresh.send(inU(flags(out, RST), 7), 'forward');
    fresh.send(inU(out, 7), 'drop');
    t.has(fresh.accept(back(out, SYN), 9), { disposition: 'new' }, 'the outside may begin anew at any time');
    t.has(fresh.outside(flags(back(out, SYN), ACK)), [{ disposition: 'known', universe: 9 }]);
  }
});

t.test('a RST counts only until its sender goes on', async (t) => {
  const rig = new FlowRig();
  rig.accept(syn, 9);
  rig.send(inU(back(syn, SYN | ACK), 9), 'forward');
  rig.accept(flags(syn, ACK), 9);
  t.has(rig.flows.count(), { tcpOpen: 1 });
  rig.accept(flags(syn, RST), 9);
  t.has(rig.flows.count(), { tcpClosed: 1, tcpOpen: 0 });
  rig.send(inU(back(syn, ACK), 9), 'forward');
  t.has(rig.flows.count(), { tcpClosed: 1 });
  rig.accept(flags(syn, ACK), 9);
  t.has(rig.flows.count(), { tcpClosed: 0, tcpOpen: 1 });
});

t.test('flows are counted by state', async (t) => {
  const rig = new FlowRig();
  for (let sport = 1; sport <= 5; sport++) rig.accept({ ...syn, sport }, 1);
  for (let sport = 2; sport <= 5; sport++) {
    rig.send(inU(back({ ...syn, sport }, SYN | ACK), 1), 'forward');
    rig.accept({ ...syn, sport, flags: ACK }, 1);
  }
  rig.accept({ ...syn, sport: 4, flags: FIN | ACK }, 1);
  rig.accept({ ...syn, sport: 5, flags: RST }, 1);
  rig.accept({ ...syn, proto: 'udp' }, 1);
  rig.accept({ src: EXT, dst: A, proto: 'icmp' }, 1);
  rig.outside({ ...syn, sport: 99 });
  t.same(rig.flows.count(), { pending: 1, tcpOpening: 1, tcpOpen: 2, tcpClosing: 1, tcpClosed: 1, udp: 1, icmp: 1 });
});

t.test('each state has its timeout', async (t) => {
  const rig = new FlowRig({ tcpEstablished: 100, tcpTransitory: 20, udp: 30, icmp: 10 });
  const udp: Spec = { ...syn, proto: 'udp' };
  const ping: Spec = { src: EXT, dst: A, proto: 'icmp' };
  const open = { ...syn, sport: 1 };
  for (const spec of [syn, udp, ping, open]) rig.accept(spec, 1);
  rig.send(inU(back(open, SYN | ACK), 1), 'forward');
  rig.accept(flags(open, ACK), 1);
  const left = (after: number) => {
    rig.flows.sweep(rig.now + after);
    return rig.flows.size;
  };
  t.same([10, 11, 20, 21, 30, 31, 100, 101].map(left), [4, 3, 3, 2, 2, 1, 1, 0]);
  t.equal(rig.flows.expired, 4);
});

t.test('an expired flow is no flow, swept or not', async (t) => {
  const rig = new FlowRig();
  rig.accept(syn, 1);
  rig.now += 61;
  t.has(rig.outside(flags(syn, ACK)), [{ disposition: 'stray' }]);
  t.has(rig.outside(syn), [{ disposition: 'new', universe: 0 }]);
});

t.test('a full table says so, and goes on with the flows it has', async (t) => {
  const rig = new FlowRig({ capacity: 3 });
  for (let sport = 1; sport <= 3; sport++) rig.accept({ ...syn, sport }, 1);
  t.has(rig.outside(syn, { ...syn, sport: 2 }, flags(syn, ACK)), [
    { disposition: 'full', flow: 0 },
    { disposition: 'known' },
    { disposition: 'stray', flow: 0 },
  ]);
  t.equal(rig.flows.refused, 1);
  rig.packets.reset();
  rig.now += 61;
  t.has(rig.outside(syn), [{ disposition: 'new' }], 'what expired makes room');
});

t.test('a full table can still move a flow to the outside', async (t) => {
  const rig = new FlowRig({ capacity: 1 });
  const out: Spec = { src: A, dst: EXT, sport: 1024, dport: 443 };
  rig.send(inU(out, 7), 'forward');
  t.has(rig.outside(back(out, SYN | ACK)), [{ disposition: 'known', universe: 7 }]);
  t.equal(rig.flows.size, 1);
});

t.test('an ICMP error follows the packet that it quotes', async (t) => {
  const rig = new FlowRig();
  const udp: Spec = { ...syn, proto: 'udp' };
  rig.accept(udp, 9);
  const unreachable = (src: number, dst: number, quotes: Spec): Spec => ({ src, dst, proto: 'icmp', type: 3, quotes });
  t.has(rig.inside(inU(unreachable(A, EXT, udp), 9)), [
    { disposition: 'known', state: 'known reply fromOutside error' },
  ]);
  const router = 0x08080808;
  t.has(rig.outside(unreachable(router, A, back(udp, 0))), [
    { disposition: 'known', universe: 9, state: 'known fromOutside error' },
  ]);
  t.has(rig.inside(inU(unreachable(A, EXT, udp), 8)), [{ disposition: 'stray' }], 'another universe');
  t.has(rig.outside(unreachable(router, B, back(udp, 0))), [{ disposition: 'stray' }], 'not to whom it concerns');
  t.has(rig.outside(unreachable(router, EXT, udp)), [{ disposition: 'stray' }], 'about a packet of the outside');
  const ping: Spec = { src: EXT, dst: A, proto: 'icmp', type: 8, echo: 5 };
  rig.packets.reset();
  rig.accept(ping, 9);
  t.has(rig.inside(inU(unreachable(A, EXT, ping), 9)), [{ disposition: 'known' }]);
});

t.test('an ICMP error keeps no flow alive, and lets none be forgotten', async (t) => {
  const rig = new FlowRig();
  const udp: Spec = { ...syn, proto: 'udp' };
  rig.accept(udp, 9);
  rig.now += 50;
  rig.inside({ src: A, dst: EXT, proto: 'icmp', type: 3, quotes: udp, universe: 9 });
  rig.end();
  t.equal(rig.flows.size, 1);
  t.equal(rig.flows.sweep(rig.now + 11), 1);
});

t.test('a flow that a row refers to stays until the turn ends', async (t) => {
  const rig = new FlowRig({ udp: 60 });
  const udp: Spec = { ...syn, proto: 'udp' };
  const { flow } = rig.accept(udp, 9);
  rig.now += 60;
  t.has(rig.outside({ src: EXT, dst: A, proto: 'icmp', type: 3, quotes: back(udp, 0) }), [{ flow }]);
  rig.now += 1;
  t.equal(rig.flows.sweep(rig.now), 0);
  t.equal(rig.flows.size, 1);
  rig.end();
  t.equal(rig.flows.sweep(rig.now), 1);
});

t.test('a row that changed its universe keeps nothing', async (t) => {
  const rig = new FlowRig();
  const spec: Spec = { src: A, dst: B, sport: 1024, dport: 445, universe: 1 };
  const [fresh] = rig.inside(spec);
  rig.decide(fresh!, { clone: 1, universe: 2, verdict: 'forward' });
  rig.end();
  t.equal(rig.flows.size, 0);
  rig.send(spec, 'reflect');
  const [known] = rig.inside(spec);
  rig.decide(known!, { clone: 1, universe: 2, verdict: 'forward' });
  rig.end();
  t.equal(rig.flows.size, 0);
});

t.test('a quoted packet may lie', async (t) => {
  const rig = new FlowRig();
  const udp: Spec = { ...syn, proto: 'udp' };
  rig.accept(udp, 9);
  const error: Spec = { src: EXT, dst: A, proto: 'icmp', type: 3, quotes: back(udp, 0) };
  const p = rig.packets;
  const disposition = (change: (row: number, at: number) => void) => {
    p.reset();
    const row = rig.add(error);
    change(row, p.start[row]! + 28);
    rig.flows.outside(p, Uint16Array.of(row), 1, rig.now);
    return rig.flows.dispositions[0];
  };
  t.equal(
    disposition(() => {}),
    0,
  );
  const lies: Record<string, (row: number, at: number) => void> = {
    IPv6: (_, at) => (p.bytes[at] = 0x65),
    'a header of 16 bytes': (_, at) => (p.bytes[at] = 0x44),
    'a header beyond the packet': (_, at) => (p.bytes[at] = 0x46),
    'a later fragment': (_, at) => (p.bytes[at + 7] = 1),
    'another protocol': (_, at) => (p.bytes[at + 9] = 6),
    'cut within the ports': (row) => (p.length[row] = 55),
    'cut within the header': (row) => (p.length[row] = 40),
    'no bytes at all': (row) => (p.length[row] = 0),
    'a length beyond the table': (row) => (p.length[row] = 0xffffffff),
    'a start beyond the table': (row) => (p.start[row] = 0xfffffff0),
    'a start just before the end': (row) => (p.start[row] = p.bytes.length - 30),
    'an outer header beyond the packet': (row) => (p.ipHeader[row] = 255),
  };
  for (const [name, lie] of Object.entries(lies)) t.equal(disposition(lie), 2, name);
});

t.test('later fragments follow their first one', async (t) => {
  const rig = new FlowRig();
  const udp: Spec = { ...syn, proto: 'udp', id: 500 };
  const first: Spec = { ...udp, fragment: 1 };
  const later: Spec = { ...udp, fragment: 2 };
  const results = rig.outside(
    later,
    first,
    later,
    { ...later, id: 501 },
    { ...later, src: B },
    { ...later, proto: 'tcp' },
  );
  t.has(
    results.map(({ disposition }) => disposition),
    ['stray', 'new', 'new', 'stray', 'stray', 'stray'],
  );
  t.equal(results[2]!.flow, results[1]!.flow);
  rig.decide(results[1]!, { clone: 1, universe: 9 });
  rig.end();
  t.has(rig.outside(later), [{ disposition: 'known', universe: 9 }]);
  t.has(
    rig.inside({ ...later, universe: 9 }),
    [{ disposition: 'stray' }],
    'the id of one side says nothing of the other',
  );
  rig.now += 30;
  t.has(rig.outside(later), [{ disposition: 'known' }]);
  rig.now += 1;
  t.has(rig.outside(later), [{ disposition: 'stray' }]);
});

t.test('fragments do not cross universes', async (t) => {
  const rig = new FlowRig();
  const udp: Spec = { src: A, dst: B, sport: 1, dport: 2, proto: 'udp', id: 7 };
  rig.send({ ...udp, fragment: 1, universe: 1 }, 'reflect');
  t.has(rig.inside({ ...udp, fragment: 2, universe: 1 }), [{ disposition: 'known' }]);
  t.has(rig.inside({ ...udp, fragment: 2, universe: 2 }), [{ disposition: 'stray' }]);
  t.has(rig.outside({ ...udp, fragment: 2 }), [{ disposition: 'stray' }]);
});

t.test('fragments that are remembered have a bound', async (t) => {
  const rig = new FlowRig({ fragments: 10 });
  for (let id = 0; id < 100; id++) rig.accept({ ...syn, proto: 'udp', id, fragment: 1 }, 9);
  t.equal(rig.flows.fragments, 10);
  t.has(rig.outside({ ...syn, proto: 'udp', id: 99, fragment: 2 }), [{ disposition: 'known' }]);
  t.has(rig.outside({ ...syn, proto: 'udp', id: 0, fragment: 2 }), [{ disposition: 'stray' }]);
});

t.test('a table that fills in one turn has room for all that clones begin towards the outside', async (t) => {
  for (const capacity of [1, 2, 24, 100, 1000]) {
    const rig = new FlowRig({ capacity });
    const outside = Math.floor(capacity / 4);
    const begun = Array.from({ length: capacity - outside }, (_, i) => inU({ ...syn, src: B, dst: EXT + i }, 9));
    for (const result of rig.inside(...begun)) rig.decide(result, { clone: 1, verdict: 'forward' });
    const opened = Array.from({ length: outside }, (_, i) => ({ ...syn, src: EXT + i }));
    for (const result of rig.outside(...opened)) rig.decide(result, { clone: 1, universe: 9 });
    t.equal(rig.flows.size, capacity);
    t.equal(rig.end(), 0, `none of ${capacity} is undecided`);
    t.equal(rig.flows.size, capacity);
  }
});

t.test('a flow whose ends are the same is one flow', async (t) => {
  const rig = new FlowRig();
  const land: Spec = { src: A, dst: A, sport: 80, dport: 80 };
  rig.accept(land, 3);
  t.has(rig.outside(land), [{ disposition: 'known', universe: 3 }]);
});

t.test('rows that this table did not classify settle nothing', async (t) => {
  const rig = new FlowRig();
  rig.accept(syn, 9);
  const p = rig.packets;
  for (const flow of [1, 2, 13, 14, rig.flows.places, rig.flows.places + 1, 0xffffffff]) {
    const row = p.take();
    p.flow[row] = flow;
    p.flowState[row] = FLOW.known;
  }
  rig.end();
  t.equal(rig.flows.size, 1);
});

t.test('arguments are checked', async (t) => {
  const rig = new FlowRig();
  const { flows, packets } = rig;
  const rows = new Uint16Array(2);
  t.throws(() => flows.outside(packets, rows, 3, 0), RangeError);
  t.throws(() => flows.inside(packets, Uint16Array.of(ROWS), 1, 0), RangeError);
  t.throws(() => flows.outside(packets, rows, 1, -1), RangeError);
  t.throws(() => flows.settle({ bytes: new Uint8Array(10) } as typeof packets, rows, 1), TypeError);
  t.throws(() => new Flows({ capacity: 0 }), TypeError);
  t.throws(() => new Flows({ capacity: 10, udp: -1 }), RangeError);
  const table = new Table({ keyWords: 5, valueWords: 4, capacity: 10 }).memory;
  const other = new Table({ keyWords: 4, valueWords: 1, capacity: 10 }).memory;
  t.equal(native.flowSettle(table, other, packets.bytes, rows, 0), 0);
  t.throws(() => native.flowSettle(other, table, packets.bytes, rows, 0), TypeError);
  t.throws(() => native.flowSettle(table, new Uint8Array(8), packets.bytes, rows, 0), TypeError);
  t.throws(() => native.flowOutside(table, other, packets.bytes, rows, 2, 0, new Uint8Array(1)), RangeError);
});

t.test('a clone does not connect to who has connected to it', async (t) => {
  const rig = new FlowRig();
  const answer = (bits: number) => inU(back(syn, bits), 9);
  rig.accept(syn, 9);
  t.has(rig.inside(answer(SYN | FIN)), [{ disposition: 'stray' }], 'some systems take that for a SYN');
  t.has(rig.inside(answer(SYN)), [{ disposition: 'new', verdict: 'undecided', state: 'collides' }]);
  t.has(rig.inside(answer(SYN | ACK)), [{ disposition: 'known', state: 'known reply fromOutside' }]);
  rig.end();
  rig.send(answer(RST | ACK), 'forward');
  t.has(rig.inside(answer(SYN | FIN)), [{ disposition: 'stray' }]);
  t.has(
    rig.inside(answer(SYN)),
    [{ disposition: 'new', state: '' }],
    'what was closed may be opened, if policy says so',
  );
});

t.test('a clone tells errors only of what it was sent itself', async (t) => {
  const rig = new FlowRig();
  const udp: Spec = { ...syn, proto: 'udp' };
  rig.accept(udp, 9);
  const error: Spec = { src: B, dst: EXT, proto: 'icmp', type: 3, quotes: udp };
  t.has(rig.inside(inU(error, 9)), [{ disposition: 'stray' }]);
});

t.test('clones cannot fill the table', async (t) => {
  const rig = new FlowRig({ capacity: 100 });
  for (let sport = 1; sport <= 200; sport++)
    rig.send(inU({ src: A, dst: B, sport, dport: 1, proto: 'udp' }, 9), 'drop');
  t.equal(rig.flows.size, 75);
  t.has(rig.accept(syn, 7), { disposition: 'new' });
});

t.test('in a full table flows that are quiet and no open connection give way', async (t) => {
  const rig = new FlowRig({ capacity: 20 });
  const open = { ...syn, sport: 1 };
  rig.accept(open, 1);
  rig.send(inU(back(open, SYN | ACK), 1), 'forward');
  rig.accept(flags(open, ACK), 1);
  for (let sport = 2; sport <= 20; sport++) rig.accept({ ...syn, sport }, 1);
  t.has(rig.accept({ ...syn, sport: 21 }, 1), { disposition: 'full' });
  rig.now += 3;
  t.has(rig.accept({ ...syn, sport: 21 }, 1), { disposition: 'new' });
  t.has(rig.outside(flags(open, ACK)), [{ disposition: 'known' }]);
});

t.test('the first data of each direction is marked, and what comes before it in small pieces', async (t) => {
  const rig = new FlowRig();
  const marked = (...results: { state: string }[]) => results.map(({ state }) => /\bdata\b/.test(state));
  const carrying = (spec: Spec, data: number) => ({ ...spec, flags: ACK, data });
  t.same(marked(rig.accept(syn, 9)), [false]);
  const answer = inU(back(syn, SYN | ACK), 9);
  rig.send(answer, 'forward');
  const turn = rig.outside(carrying(syn, 0), carrying(syn, FIRST_DATA - 1), carrying(syn, 1));
  const more = rig.outside(carrying(syn, FIRST_DATA), carrying(syn, 1000));
  t.same(marked(...turn, ...more), [false, true, true, true, false]);
  rig.decide(turn[0]!, { clone: 1 });
  rig.end();
  t.same(marked(...rig.outside(carrying(syn, 1000))), [false], 'and later turns know');
  t.same(marked(...rig.inside(carrying(answer, 500), carrying(answer, 500))), [true, false], 'each way has its own');

  const udp: Spec = { ...syn, proto: 'udp', data: 64 };
  const [first, second] = rig.outside(udp, udp);
  t.same(marked(first!, second!), [true, false], 'a flow may begin with it');
  const later: Spec = { ...udp, sport: 5000, fragment: 2, id: 7 };
  rig.outside({ ...later, fragment: 1, data: 0 });
  t.same(marked(...rig.outside(later)), [false], 'the rest of a datagram is not its beginning');
});

t.test('what a clone opened keeps its mark when policy lets it out; a flow that is opened anew has none', async (t) => {
  const rig = new FlowRig();
  const request: Spec = { src: A, dst: EXT, sport: 1, dport: 53, proto: 'udp', universe: 9, data: 30 };
  t.match(rig.send(request, 'forward').state, /data/);
  const [next] = rig.inside(request);
  t.equal(next!.state, 'known');
  rig.end();
  rig.accept(syn, 9);
  const data = { ...flags(syn, ACK), data: 10 };
  t.match(rig.accept(data, 9).state, /data/);
  rig.accept(flags(syn, RST), 9);
  rig.accept(syn, 9);
  t.match(rig.accept(data, 9).state, /data/);
});
