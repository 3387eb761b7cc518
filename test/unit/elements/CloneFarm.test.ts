import t from 'tap';
import { CloneFarm } from '../../../src/elements/CloneFarm.js';
import type { CloneBackend, Identity } from '../../../src/farm/backend.js';
import { Images } from '../../../src/farm/images.js';
import { SimulatedBackend } from '../../../src/farm/simulated/backend.js';
import { cloneMac } from '../../../src/farm/wire.js';
import { FLOW } from '../../../src/packet/flow.js';
import { Packets } from '../../../src/packet/packets.js';
import { CloneFarm as HostileFarm } from '../../property/hostile.js';
import { columnsOf, craft } from '../craft.js';
import { checksum } from '../native/build.js';
import type { Columns } from '../rig.js';
import { ATTACKER, at, bench } from './farm-bench.js';

t.test('the first packet for an address makes a clone, which answers those that waited in order', async (t) => {
  const farm = await bench(t);
  const universe = farm.begin('10.0.0.1');
  for (let i = 0; i < 3; i++) farm.ping(universe, '10.0.0.1');
  const answers = farm.run().out!;
  t.equal(answers.length, 3);
  for (const { bytes, universe: tag, clone } of answers) {
    t.equal(bytes.readUInt32BE(12), at('10.0.0.1'));
    t.equal(bytes[20], 0, 'an echo reply');
    t.equal(tag, universe.id);
    t.equal(clone, 1);
  }
  t.equal(universe.clones.size, 1);
  t.equal(farm.events.filter(({ kind }) => kind === 'clone').length, 1);
});

t.test('one address is two machines in two universes', async (t) => {
  const farm = await bench(t);
  const [one, other] = [farm.begin('10.0.0.1'), farm.begin('10.0.0.1')];
  farm.ping(one, '10.0.0.1');
  farm.ping(other, '10.0.0.1');
  t.same(
    farm.run().out!.map(({ universe, clone }) => [universe, clone]),
    [
      [one.id, 1],
      [other.id, 2],
    ],
  );
});

t.test('a packet of a flow whose clone is gone is dropped', async (t) => {
  const farm = await bench(t);
  const universe = farm.begin('10.0.0.1');
  farm.ping(universe, '10.0.0.1', true);
  farm.ping({ id: 4711 }, '10.0.0.1');
  farm.run();
  t.same(farm.drops(), { unbound: 1, universe: 1 });
});

t.test('clones that nothing happened to are recycled, and their universe ends', async (t) => {
  const farm = await bench(t, 'IDLE 10s, KEEP 100s, LIFE 1000s');
  const [dull, busy] = [farm.begin('10.0.0.1'), farm.begin('10.0.0.2')];
  farm.ping(dull, '10.0.0.1');
  farm.ping(busy, '10.0.0.2');
  farm.run();
  busy.clones.get(at('10.0.0.2'))!.opened = 1;
  farm.wait(11);
  t.equal(farm.universes.get(dull.id), undefined);
  t.ok(farm.universes.get(busy.id), 'one that opened connections is kept');
  farm.wait(100);
  t.equal(farm.universes.size, 0);
  t.match(
    farm.events.filter(({ kind }) => kind === 'gone'),
    [{ reason: 'idle and of no interest' }, { reason: /opened 1 connection/ }],
  );
});

t.test('no clone lives for ever', async (t) => {
  const farm = await bench(t, 'IDLE 10s, LIFE 60s');
  const universe = farm.begin('10.0.0.1');
  for (let second = 0; second < 61; second++) {
    farm.ping(universe, '10.0.0.1');
    farm.run();
    farm.wait(1);
  }
  t.match(
    farm.events.filter(({ kind }) => kind === 'gone'),
    [{ reason: 'it has lived long enough' }],
  );
});

t.test('clones are bounded: in all, in a universe, and in the making', async (t) => {
  const crowded = await bench(t, 'UNIVERSE_CLONES 2');
  const universe = crowded.begin('10.0.0.1');
  for (const address of ['10.0.0.1', '10.0.0.2', '10.0.0.3', '10.0.0.1']) crowded.ping(universe, address);
  t.equal(crowded.run().out!.length, 3);
  t.same(crowded.drops(), { crowded: 1 });

  const full = await bench(t, 'CLONES 1');
  full.ping(full.begin('10.0.0.1'), '10.0.0.1');
  full.ping(full.begin('10.0.0.2'), '10.0.0.2');
  full.run();
  t.same(full.drops(), { full: 1 }, 'a clone that is busy is not given up');
  full.wait(2);
  full.ping(full.begin('10.0.0.3'), '10.0.0.3');
  t.equal(full.run().out!.length, 1, 'one that has been quiet is');

  const making = await bench(t, 'BINDING 1, WAITING 2, LATENCY 1s');
  const slow = making.begin('10.0.0.1');
  for (let i = 0; i < 3; i++) making.ping(slow, '10.0.0.1');
  making.ping(slow, '10.0.0.2');
  making.run();
  t.same(making.drops(), { waiting: 1, binding: 1 });
  making.wait(1.1);
  t.equal(making.run().out!.length, 2);
});

t.test('a universe is bounded: how deep it goes, how many one clone calls, how old it gets', async (t) => {
  const deep = await bench(t, 'UNIVERSE_DEPTH 2, UNIVERSE_FANOUT 2');
  const universe = deep.begin('10.0.0.1');
  const clone = (address: string) => universe.clones.get(at(address))!;
  deep.ping(universe, '10.0.0.1');
  deep.run();
  for (const address of ['10.0.0.2', '10.0.0.3', '10.0.0.2']) deep.pingFrom(clone('10.0.0.1'), universe, address);
  deep.run();
  t.same(deep.drops(), {}, 'two, and one of them twice');
  deep.pingFrom(clone('10.0.0.1'), universe, '10.0.0.4');
  deep.run();
  t.same(deep.drops(), { fanout: 1 });
  deep.pingFrom(clone('10.0.0.2'), universe, '10.0.0.4');
  deep.run();
  t.same(deep.drops(), { fanout: 1, deep: 1 });
  deep.ping(universe, '10.0.0.4');
  deep.run();
  t.same([universe.clones.size, universe.depth], [4, 2], 'neither bounds the outside');

  const old = await bench(t, 'UNIVERSE_AGE 100s, IDLE 1000s');
  const [first, second] = [old.begin('10.0.0.1'), old.begin('10.0.0.1')];
  old.ping(first, '10.0.0.1');
  old.run();
  old.wait(99);
  old.ping(second, '10.0.0.1');
  old.ping(first, '10.0.0.2');
  old.run();
  t.equal(first.clones.size, 2);
  const third = old.begin('10.0.0.9');
  old.ping(third, '10.0.0.9');
  old.run();
  old.wait(0.5);
  t.equal(first.clones.size, 2);
  old.wait(1);
  t.same([first.clones.size, second.clones.size, third.clones.size], [0, 0, 1]);
  t.match(
    old.events.filter(({ kind }) => kind === 'gone'),
    Array.from({ length: 3 }, () => ({ ending: 'aged' })),
  );
});

t.test('an over-aged universe takes no new clones while its last ones go', async (t) => {
  const farm = await bench(t, 'UNIVERSE_AGE 10s, LATENCY 1000s, IDLE 1000s');
  const universe = farm.begin('10.0.0.1');
  farm.ping(universe, '10.0.0.1');
  farm.run();
  farm.wait(11);
  farm.ping(universe, '10.0.0.2');
  farm.run();
  t.same(farm.drops(), { aged: 1 });
  t.equal(universe.clones.size, 1, 'one in the making is not ended before it is made');
});

t.test('what a full clone refuses is dropped, and all else reaches its clone in order', async (t) => {
  const farm = await bench(t, '', HostileFarm);
  const { hostile } = farm.element;
  const [one, other] = [farm.begin('10.0.0.1'), farm.begin('10.0.0.2')];
  const reached: string[] = [];
  hostile.onDeliver = ({ id }, packet) => reached.push(`${id}: ${packet.readUInt16BE(4)}`);
  for (let id = 1; id <= 4; id++) {
    farm.send(one, { proto: 1, dst: at('10.0.0.1'), id });
    farm.send(other, { proto: 1, dst: at('10.0.0.2'), id });
    if (id === 2) farm.run();
  }
  farm.run();
  t.same(reached, ['1: 1', '1: 2', '2: 1', '2: 2', '1: 3', '2: 3', '1: 4', '2: 4']);
  t.equal(farm.element.sent, 8);
  hostile.refuses = true;
  farm.ping(one, '10.0.0.1');
  farm.ping(other, '10.0.0.2');
  farm.run();
  t.same(farm.drops(), { busy: 2 });
  t.equal(farm.element.sent, 8);
});

/** A frame from a clone. */
const framed = (type: number, payload: Uint8Array) =>
  Buffer.concat([Buffer.alloc(12, 2), Buffer.from([type >> 8, type & 255]), payload]);

t.test('of a clone’s frames only its own IPv4 packets enter the graph', async (t) => {
  const farm = await bench(t, '', HostileFarm);
  const { hostile } = farm.element;
  const universe = farm.begin('10.0.0.1');
  farm.ping(universe, '10.0.0.1');
  farm.run();
  const own = craft({ src: at('10.0.0.1'), dst: ATTACKER });
  const frames: [string, Buffer][] = [
    ['not-ip', framed(0x8035, Buffer.alloc(46))], // RARP: how QEMU announces itself after a restore
    ['not-ip', framed(0x86dd, Buffer.alloc(46))],
    ['not-ip', framed(0x88cc, Buffer.alloc(46))],
    ['not-ip', Buffer.alloc(13)],
    ['not-ip', Buffer.alloc(0)],
    ['runt', framed(0x0800, own.subarray(0, 19))],
    ['too-big', framed(0x0800, craft({ src: at('10.0.0.1'), payload: Buffer.alloc(1500) }))],
    ['spoofed', framed(0x0800, craft({ src: ATTACKER, dst: at('10.0.0.1') }))],
    ['arp', framed(0x0806, Buffer.alloc(28))],
    ['dhcp-malformed', framed(0x0800, craft({ src: 0, dst: 0xffffffff, sport: 68, dport: 67 }))],
    ['gone', Buffer.alloc(60)],
  ];
  for (const [reason, frame] of frames) {
    const before = farm.drops()[reason] ?? 0;
    hostile.emit(reason === 'gone' ? 77 : 1, frame);
    t.same(farm.run().out, [], reason);
    t.equal(farm.drops()[reason], before + 1, reason);
  }
  hostile.emit(1, framed(0x0800, own));
  hostile.emit(1, framed(0x0800, craft({ src: at('10.0.0.1'), dst: ATTACKER, payload: Buffer.alloc(1472) })));
  t.equal(farm.run().out!.length, 2, 'up to the MTU');
});

t.test('the gateway answers ARP and DHCP on the wire', async (t) => {
  const farm = await bench(t, '', HostileFarm);
  const { hostile } = farm.element;
  farm.ping(farm.begin('10.0.0.1'), '10.0.0.1');
  farm.run();
  const answers: Buffer[] = [];
  // Without the bytes of an Ethernet header.
  hostile.onDeliver = (_, packet) => answers.push(packet);
  const arp = Buffer.concat([Buffer.from('0001080006040001', 'hex'), cloneMac(1), Buffer.alloc(14)]);
  arp.writeUInt32BE(at('10.0.0.1'), 14);
  arp.writeUInt32BE(at('192.0.2.9'), 24);
  const discover = Buffer.alloc(244);
  discover.set([1, 1, 6]);
  discover.set([0x63, 0x82, 0x53, 0x63, 53, 1, 1, 255], 236);
  hostile.emit(1, framed(0x0806, arp));
  hostile.emit(1, framed(0x0800, craft({ src: 0, dst: 0xffffffff, sport: 68, dport: 67, payload: discover })));
  t.same(farm.run().out, []);
  t.same(farm.drops(), { arp: 1, dhcp: 1 });
  t.equal(answers[0]!.readUInt32BE(14), at('192.0.2.9'));
  t.equal(answers[1]!.readUInt32BE(28 + 16), at('10.0.0.1'), 'it is offered its own address');

  hostile.refuses = true;
  hostile.emit(1, framed(0x0806, arp));
  farm.run();
  t.same(farm.drops(), { arp: 1, dhcp: 1, busy: 1 }, 'an answer that the clone did not take is counted too');
});

t.test('what a clone sends before it is ready does not enter the graph', async (t) => {
  const farm = await bench(t, '', HostileFarm);
  const { hostile } = farm.element;
  hostile.slow = true;
  farm.ping(farm.begin('10.0.0.1'), '10.0.0.1');
  farm.run();
  const packet = framed(0x0800, craft({ src: at('10.0.0.1'), dst: ATTACKER }));
  hostile.emit(1, packet);
  t.same(farm.run().out, []);
  t.same(farm.drops(), { early: 1 });
  hostile.slow = false;
  farm.run();
  hostile.emit(1, packet);
  t.equal(farm.run().out!.length, 1);
});

const INSIDE = at('10.0.2.15');
const INSIDE_MAC = Uint8Array.of(0x52, 0x54, 0, 0x12, 0x34, 0x56);

/** Clones of images that were frozen with an address, and keep it. */
class FrozenBackend extends SimulatedBackend {
  override insideAddress() {
    return INSIDE;
  }
  insideMac() {
    return INSIDE_MAC;
  }
  override request(id: number, image: number, identity: Identity) {
    super.request(id, image, { ...identity, address: INSIDE, mac: INSIDE_MAC });
  }
}

class FrozenFarm extends CloneFarm {
  protected override makeBackend(): CloneBackend {
    const { images, memory, clones } = this.config;
    return new FrozenBackend({
      services: this.services,
      folder: images,
      memoryBudget: memory,
      maxClones: clones,
    });
  }
}

t.test('clones that all have one address inside are known by their own outside', async (t) => {
  const farm = await bench(t, '', FrozenFarm);
  const universe = farm.begin('10.0.0.1');
  for (const address of ['10.0.0.1', '10.0.0.2']) {
    const dst = at(address);
    farm.send(universe, { proto: 1, dst });
    farm.send(universe, { proto: 6, dst, dport: 80, tcpFlags: 2 });
    farm.send(universe, { proto: 17, dst, dport: 9999 });
    const answers = farm.run().out!;
    t.same(
      answers.map(({ bytes }) => [bytes.readUInt32BE(12), bytes.readUInt32BE(16), bytes[9]]),
      [1, 6, 1].map((proto) => [dst, ATTACKER, proto]),
    );
    const [echo, , error] = answers.map(({ bytes }) => bytes);
    for (const { bytes } of answers) t.equal(checksum(bytes.subarray(0, 20)), 0);
    t.equal(checksum(echo!.subarray(20)), 0);
    t.equal(error![20], 3, 'no such port');
    t.equal(checksum(error!.subarray(20)), 0);
    t.equal(error!.readUInt32BE(28 + 16), dst, 'it quotes the packet as it was sent');
    t.equal(checksum(error!.subarray(28, 48)), 0);
  }
  t.same(farm.drops(), {});
});

t.test('a clone with another address inside cannot use its outer one, nor headers that cannot be read', async (t) => {
  const farm = await bench(t, '', HostileFarm);
  const { hostile } = farm.element;
  hostile.inside = INSIDE;
  farm.ping(farm.begin('10.0.0.1'), '10.0.0.1');
  farm.run();
  hostile.emit(1, framed(0x0800, craft({ src: at('10.0.0.1'), dst: ATTACKER })));
  hostile.emit(1, framed(0x0800, craft({ src: INSIDE, dst: ATTACKER }).fill(0x65, 0, 1)));
  hostile.emit(1, framed(0x0800, craft({ src: INSIDE, dst: ATTACKER })));
  t.same(
    farm.run().out!.map(({ bytes }) => bytes.readUInt32BE(12)),
    [at('10.0.0.1')],
  );
  t.same(farm.drops(), { spoofed: 1, untranslatable: 1 });
});

t.test('clones and universes are listed as JSON lines', async (t) => {
  const farm = await bench(t);
  const universe = farm.begin('10.0.0.1');
  farm.ping(universe, '10.0.0.1');
  farm.ping(universe, '10.0.0.2');
  farm.run();
  const { clones, universes } = farm.element.handlers();
  const lines = clones.read().trimEnd().split('\n');
  t.match(
    lines.map((line) => JSON.parse(line)),
    [
      { clone: 1, universe: universe.id, address: '10.0.0.1', image: 'linux', state: 'live', parent: null, pss: null },
      { clone: 2, address: '10.0.0.2', delta: Number },
    ],
  );
  t.match(JSON.parse(universes.read()), { universe: universe.id, source: '198.51.100.7', clones: 2, depth: 1 });
});

t.test('the causal tree of a universe is told, with what called for each clone, and after its end', async (t) => {
  const farm = await bench(t, 'UNIVERSE_DEPTH 2, IDLE 10s, KEEP 20s');
  const universe = farm.universes.create(ATTACKER, at('10.0.0.1'), 'open');
  const { tree, ended, universes } = farm.element.handlers();
  farm.send(universe, { proto: 6, dst: at('10.0.0.1'), sport: 4444, dport: 445, tcpFlags: 2 });
  farm.run();
  const [first] = universe.clones.values();
  farm.pingFrom(first!, universe, '10.0.0.2');
  farm.run();
  farm.pingFrom(universe.clones.get(at('10.0.0.2'))!, universe, '10.0.0.3');
  farm.send(universe, { src: at('203.0.113.9'), dst: at('10.0.0.2'), proto: 17 });
  farm.send(universe, { src: at('203.0.113.9'), dst: at('10.0.0.1'), proto: 17 });
  farm.run();
  t.match(JSON.parse(tree.read(String(universe.id))), {
    kind: 'open',
    clones: 2,
    ended: null,
    tree: [
      {
        clone: 1,
        parent: null,
        ended: null,
        cause: { source: '198.51.100.7', proto: 6, sport: 4444, dport: 445, flags: 'SYN', icmp: null, rule: null },
      },
      { clone: 2, parent: 1, depth: 2, cause: { source: '10.0.0.1', proto: 1, sport: null, icmp: 8 } },
    ],
    joined: [{ source: '203.0.113.9', target: '10.0.0.2', flows: 2 }],
    refused: { deep: 1, aged: 0 },
  });
  t.match(
    farm.events.filter(({ kind }) => kind === 'joined' || kind === 'universe'),
    [{ universeKind: 'open' }, { kind: 'joined', source: at('203.0.113.9') }],
  );
  t.equal(ended.read(), '');
  farm.wait(40);
  t.equal(universes.read(), '');
  t.match(JSON.parse(ended.read()), { universe: universe.id, clones: 0, made: 2, ended: String });
  t.match(JSON.parse(tree.read(String(universe.id))).tree, [
    { clone: 1, state: 'gone', ending: 'recycled', reason: /^kept long enough/, ended: String },
    { clone: 2, ending: 'recycled' },
  ]);
  t.equal(tree.read('4711'), '');
  t.equal(tree.read(''), '');
});

t.test('what a clone is sent is noted, by whom too, but not what refuses its own packets', async (t) => {
  const farm = await bench(t, 'LATENCY 1s');
  const image = farm.engine.services.shared(Images).number('linux') + 1;
  const universe = farm.begin('10.0.0.1');
  const payload = Buffer.from('this is what goes round');
  const deliver = (to: string, columns: Columns, from = ATTACKER) => {
    const packet = craft({ src: from, dst: at(to), dport: 9, payload });
    farm.put(packet, { ...columnsOf(packet), universe: universe.id, image, flowState: FLOW.data, ...columns });
    farm.run();
  };
  const payloadsOf = (address: string) => universe.clones.get(at(address))!.evidence!.payloads;
  const received = (address: string) => payloadsOf(address).lines().received;
  deliver('10.0.0.1', {});
  farm.wait(1);
  farm.run();
  t.match(received('10.0.0.1'), [{ port: 9 }], 'it has waited');
  const { id } = universe.clones.get(at('10.0.0.1'))!;
  deliver('10.0.0.2', { clone: id }, at('10.0.0.1'));
  farm.wait(1);
  farm.run();
  const packets = new Packets();
  const row = packets.take();
  packets.bytes.set(payload, packets.start[row]!);
  packets.length[row] = payload.length;
  packets.flowState[row] = FLOW.data;
  payloadsOf('10.0.0.2').send(packets, row);
  t.equal(payloadsOf('10.0.0.2').relays, 2, 'its caller had been sent it, too');
  deliver('10.0.0.2', { flowState: 0 });
  deliver('10.0.0.2', { clone: 2, dport: 10 });
  t.match(received('10.0.0.2'), [{ port: 9 }]);
  farm.wait(1);
  t.equal(farm.element.metrics.fingerprints.value, 3);
  const { rated, malicious, payloads_repeated: repeated } = farm.element.metrics;
  t.same([rated.benign.value, rated.interesting.value, rated.malicious.value], [0, 1, 1]);
  t.same([malicious.value, repeated.value], [1, 1]);
});
