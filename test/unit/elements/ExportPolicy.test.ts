import { renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { ExportPolicy } from '../../../src/elements/ExportPolicy.js';
import { Images } from '../../../src/farm/images.js';
import { LearntNames } from '../../../src/farm/names.js';
import { Rewrites } from '../../../src/farm/policy/rewrites.js';
import { type CloneRecord, Universes } from '../../../src/farm/universes.js';
import { FLOW } from '../../../src/packet/flow.js';
import { PROTOCOL } from '../../../src/packet/protocol.js';
import { REWRITE } from '../../../src/packet/rewrite/column.js';
import { VERDICT } from '../../../src/packet/verdict.js';
import { columnsOf, craft, type Wanted } from '../craft.js';
import { OPEN } from '../farm/policy/asker.js';
import { type Columns, rig } from '../rig.js';

const rules = `
reply -> forward
tcp and dst port 25 -> drop
tcp and dst port 53 -> redirect dns
tcp and dst port 80 -> forward
tcp -> reflect
`;

const REPLY = { flowState: FLOW.known | FLOW.reply | FLOW.fromOutside };
const CLONE = 0x0a630102;
const PEER = 0xcb007109;

interface Sent {
  readonly output: string | undefined;
  readonly verdict?: number;
  readonly decision?: number;
  readonly image?: number;
  readonly bytes?: Buffer;
  readonly [column: string]: unknown;
}

function bench(t: Test, text = rules, config = '') {
  const written = (rules: string) => (rules.includes('ceiling') ? rules : `${rules}\n${OPEN}`);
  const folder = t.testdir({ 'x.policy': written(text) });
  const made = rig(ExportPolicy, `POLICY x.policy, MAIL allow${config}`, { folder });
  const { engine, element } = made;
  const universes = engine.services.shared(Universes);
  const universe = universes.create(1, 2);
  const addClone = (address: number, id: number) => {
    const clone = { id, universe, address, opened: 0, state: 'live', image: 0 } as unknown as CloneRecord;
    universe.clones.set(address, clone);
    return clone;
  };
  const clone = addClone(CLONE, 1);
  return {
    ...made,
    folder,
    universes,
    universe,
    clone,
    addClone,
    images: engine.services.shared(Images),
    handlers: element.handlers(),
    verdicts: () => made.events.flatMap((event) => (event.kind === 'verdict' ? [event] : [])),
    /** Sends a packet of a clone; with the columns of one that was sent before, it is of the same flow. */
    send(wanted: Wanted = {}, columns: Columns = {}): Sent {
      const bytes = craft({ src: CLONE, dst: PEER, proto: PROTOCOL.tcp, dport: 445, ...wanted });
      const all = { ...columnsOf(bytes), universe: universe.id, clone: 1, length: bytes.length, ...columns };
      made.put(bytes, all);
      const out = made.run();
      const output = Object.keys(out).find((name) => out[name]!.length > 0);
      return { ...out[output ?? '']?.[0], output };
    },
    reload(text: string) {
      writeFileSync(join(folder, 'x.policy'), written(text));
      element.handlers().policy.write('reload');
    },
  };
}

/** What the flow table would say of the next packet of a flow. */
const same = ({ verdict, decision }: Sent, more: Columns = {}): Columns => ({
  verdict: verdict!,
  decision: decision!,
  flowState: FLOW.known,
  ...more,
});

t.test('a rule asks for the name that the universe was told', async (t) => {
  const policy = bench(t, 'name "*.x.test" -> drop\nall -> reflect\n');
  const learnt = policy.engine.services.shared(LearntNames);
  t.equal(policy.send().output, 'reflect');
  learnt.note(policy.universe.id, 'www.x.test', PEER);
  t.equal(policy.send({ sport: 5 }).output, 'drop');
  t.equal(policy.send({ sport: 6, dst: PEER + 1 }).output, 'reflect');
  learnt.note(policy.universe.id + 1, 'www.x.test', PEER + 1);
  t.equal(policy.send({ sport: 7, dst: PEER + 1 }).output, 'reflect', 'what another universe was told does not count');
});

t.test('a clone that only other clones have reached begins no flow that leaves, whatever a rule says', async (t) => {
  const policy = bench(t);
  const called = 0x08080808;
  policy.universe.clones.set(called, {
    ...policy.clone,
    ...{ id: 2, address: called, parent: { id: 1, address: CLONE } },
  });
  const from = { src: called, dport: 80 };
  t.match(policy.send(from, { clone: 2 }), { output: 'drop', verdict: VERDICT.drop });
  t.match(policy.verdicts().at(-1), { verdict: 'drop', rule: 'borrowed' });
  const contacted = policy.send({ dport: 80 });
  t.equal(contacted.output, 'forward', 'one that was contacted does');
  t.equal(policy.send(from, same(contacted, { clone: 2 })).output, undefined);
  t.equal(policy.element.drops.borrowed.value, 1, 'nor has it a flow that another one began');
  t.equal(policy.send({ ...from, dport: 445 }, { clone: 2 }).output, 'reflect');
});

t.test('a new flow is decided, the verdict is written down, and people are told', async (t) => {
  const policy = bench(t);
  t.match(policy.send(), { output: 'reflect', verdict: VERDICT.reflect });
  t.match(policy.send({ dport: 25 }), { output: 'drop', verdict: VERDICT.drop });
  t.match(policy.send({ proto: PROTOCOL.udp }), { output: 'drop' }, 'no rule says anything');
  const redirected = policy.send({ dport: 53 });
  t.equal(redirected.output, 'redirect');
  t.equal(policy.images.name((redirected['image'] as number) - 1), 'dns');
  const later = policy.send({ dport: 53, tcpFlags: 16 }, same(redirected));
  t.match(later, { output: 'redirect', image: redirected['image'] }, 'each of its packets says who is to play');
  t.equal(policy.clone.opened, 4, 'four flows of its own');
  const [event] = policy.verdicts();
  t.match(event, { verdict: 'reflect', port: 445, source: CLONE, target: PEER, rule: /x\.policy:6$/ });
  t.match(policy.handlers.rules.read(), /x\.policy:3\tdrop\t1/);
});

t.test('an answer to the outside leaves, and is nothing the clone did by itself', async (t) => {
  const policy = bench(t);
  t.match(policy.send({}, REPLY), { output: 'forward' });
  t.equal(policy.clone.opened, 0);
  t.equal(policy.verdicts().length, 0);
});

t.test('a decided flow keeps its verdict', async (t) => {
  const policy = bench(t);
  const first = policy.send();
  t.match(policy.send({ dport: 25 }, same(first)), { output: 'reflect' });
  t.equal(policy.verdicts().length, 1);
  t.match(policy.send({ dport: 25 }, { verdict: VERDICT.forward }), { output: 'drop' }, 'a verdict that nobody gave');
});

t.test('packets of one flow in one turn are one flow', async (t) => {
  const policy = bench(t, 'udp -> limit flows 1/hour per clone then drop');
  const bytes = craft({ src: CLONE, dst: PEER });
  for (let i = 0; i < 3; i++)
    policy.put(bytes, { ...columnsOf(bytes), universe: policy.universe.id, clone: 1, flow: 7, length: bytes.length });
  t.equal(policy.run().forward!.length, 3);
  t.equal(policy.clone.opened, 1);
});

t.test('a SYN after a reset, in the same turn, begins a flow that is decided for itself', async (t) => {
  const policy = bench(t, 'reply -> forward\nall -> reflect\n');
  const put = (tcpFlags: number, columns: Columns) => {
    const bytes = craft({ src: CLONE, dst: PEER, proto: PROTOCOL.tcp, tcpFlags });
    const known = { universe: policy.universe.id, clone: 1, flow: 7, length: bytes.length };
    policy.put(bytes, { ...columnsOf(bytes), ...known, ...columns });
  };
  put(4, REPLY);
  put(2, {});
  const { forward, reflect } = policy.run();
  t.match(forward, [{ tcpFlags: 4 }]);
  t.match(reflect, [{ tcpFlags: 2 }], 'it is no answer');
});

t.test('of two universes that begin one flow in one turn the first has it', async (t) => {
  const policy = bench(t, 'udp or icmp -> forward');
  const other = policy.universes.create(3, 4);
  other.clones.set(CLONE, { ...policy.clone, id: 2, universe: other });
  other.clones.set(PEER, { ...policy.clone, id: 3, address: PEER, universe: other });
  const begin = (universe: number, flow: number, wanted: Wanted = {}) => {
    const bytes = craft({ src: CLONE, dst: PEER, ...wanted });
    policy.put(bytes, { ...columnsOf(bytes), universe, clone: 1, flow, length: bytes.length });
  };
  const { id } = policy.universe;
  begin(id, 7);
  begin(other.id, 8);
  begin(other.id, 8);
  begin(other.id, 9, { src: PEER, dst: CLONE, sport: 80, dport: 1024 });
  begin(id, 7);
  begin(other.id, 10, { sport: 1001 });
  begin(other.id, 11, { proto: PROTOCOL.icmp });
  t.same(
    policy.run().forward!.map(({ flow }) => flow),
    [7, 7, 10, 11],
  );
  t.equal(policy.element.drops.collision.rows, 3, 'and so it is of its other direction');
  begin(other.id, 12);
  t.equal(policy.run().forward!.length, 1, 'what holds later is the flow table’s to say');
});

t.test('what may not leave does not', async (t) => {
  const policy = bench(t);
  t.equal(policy.send({ dport: 80 }, { flowState: FLOW.collides }).output, undefined);
  t.equal(policy.element.drops.collision.rows, 1);
  t.equal(policy.send({ dport: 80 }, { universe: 4711 }).output, undefined);
  t.equal(policy.element.drops.universe.rows, 1);
  t.equal(policy.send({ dport: 80, options: Buffer.alloc(4, 1) }).output, undefined);
  t.equal(policy.element.drops.options.rows, 1);
  const { decision } = policy.send({ dport: 80 });
  t.equal(policy.send({}, { verdict: 77, decision: decision! }).output, 'drop', 'a verdict that is none');
});

t.test('beyond a limit another verdict holds, and the event says which limit', async (t) => {
  const policy = bench(t, 'tcp -> limit tcp 2/hour per clone then reflect limit flows 1/minute per clone then drop');
  const first = policy.send({ sport: 1 });
  t.same([first.output, policy.send({ sport: 2 }).output], ['forward', 'forward']);
  t.match(policy.send({ sport: 3 }), { output: 'reflect' });
  t.match(policy.send({ sport: 4 }), { output: 'drop' });
  t.match(policy.send({ sport: 1 }, same(first)), { output: 'forward' }, 'what is open stays open');
  const [, second, third, fourth] = policy.verdicts();
  t.notOk(second!.quota);
  t.match(third, { verdict: 'reflect', rule: /x\.policy:1$/, quota: 'tcp 2/hour per clone: 2 of 2 used' });
  t.match(fourth, { verdict: 'drop', quota: 'flows 1/minute per clone: 1 of 1 used' });
  policy.wait(61);
  t.match(policy.send({ sport: 5 }), { output: 'reflect' });
  policy.wait(3600 - 61);
  t.match(policy.send({ sport: 6 }), { output: 'forward' }, 'the hour that began with the first connection is over');
});

t.test('limits count apart for each clone, universe and destination, and together for the farm', async (t) => {
  const text = `
tcp and dst port 1 -> limit 1/hour per clone then drop
tcp and dst port 2 -> limit 1/hour per universe then drop
tcp and dst port 3 -> limit 1/hour per destination then drop
tcp and dst port 4 -> limit 1/hour per farm then drop
`;
  const policy = bench(t, text.replaceAll(' 1/hour', ' flows 1/hour'));
  policy.addClone(CLONE + 1, 2);
  const other = policy.universes.create(3, 4);
  other.clones.set(CLONE, { ...policy.clone, id: 3, universe: other });
  const from = (dport: number, wanted: Wanted, columns: Columns) => policy.send({ dport, ...wanted }, columns).output;
  const clone = { src: CLONE + 1 };
  const all: Record<string, (string | undefined)[]> = {};
  for (const [port, name] of [
    [1, 'clone'],
    [2, 'universe'],
    [3, 'destination'],
    [4, 'farm'],
  ] as const) {
    from(port, {}, {});
    all[name] = [
      from(port, {}, {}),
      from(port, clone, { clone: 2 }),
      from(port, {}, { clone: 3, universe: other.id }),
      from(port, { dst: PEER + 1 }, {}),
    ];
  }
  t.same(all, {
    clone: ['drop', 'forward', 'forward', 'drop'],
    universe: ['drop', 'drop', 'forward', 'drop'],
    destination: ['drop', 'drop', 'drop', 'forward'],
    farm: ['drop', 'drop', 'drop', 'drop'],
  });
});

t.test('distinct destinations are counted, not connections to them', async (t) => {
  const policy = bench(t, 'tcp -> limit destinations 2/hour per clone then drop');
  const to = (dst: number) => policy.send({ dst: PEER + dst }).output;
  t.same([to(1), to(2), to(1), to(3), to(2)], ['forward', 'forward', 'forward', 'drop', 'forward']);
});

t.test('an ICMP error is counted as ICMP, whatever the flow is that it is about', async (t) => {
  const policy = bench(t, 'udp or icmp -> limit udp 5/hour, icmp 1/hour per clone then drop\n');
  const flow = policy.send({ proto: PROTOCOL.udp }, { flow: 1 });
  t.equal(flow.output, 'forward');
  const about = same(flow, { flow: 1, flowState: FLOW.known | FLOW.error });
  t.equal(policy.send({ proto: PROTOCOL.icmp, icmp: [3, 3] }, about).output, 'forward');
  t.equal(policy.send({ proto: PROTOCOL.icmp, icmp: [3, 3] }, about).output, 'drop', 'the second one of the hour');
});

t.test('packets and bytes are counted for each packet, and the flow goes on when there is room again', async (t) => {
  const policy = bench(t, 'reply -> forward limit packets 3/minute, bytes 500/minute per destination then drop');
  const first = policy.send({}, REPLY);
  const next = (bytes = 0) => policy.send({ payload: Buffer.alloc(bytes) }, same(first, REPLY)).output;
  t.equal(first.output, 'forward');
  t.same([next(), next(), next()], ['forward', 'forward', undefined]);
  t.equal(policy.element.drops.quota.rows, 1);
  t.equal(policy.send({ sport: 5 }, REPLY).output, undefined, 'another flow to the same address');
  t.equal(policy.send({ sport: 5, dst: PEER + 1 }, REPLY).output, 'forward', 'and one to another address');
  t.equal(policy.verdicts().length, 1, 'told once a window');
  t.match(policy.verdicts()[0], { verdict: 'drop', quota: 'packets 3/minute per destination: 3 of 3 used' });
  policy.wait(60);
  t.same([next(440), next()], ['forward', undefined], 'bytes');
  t.equal(policy.element.drops.quota.rows, 3);
});

t.test('a flow in the middle is cut by a packet limit only as long as it is over, or reset', async (t) => {
  const policy = bench(
    t,
    'udp -> limit packets 1/minute per clone then reflect\ntcp -> limit packets 1/minute per clone then reset',
  );
  const udp = policy.send({ proto: PROTOCOL.udp });
  t.equal(policy.send({ proto: PROTOCOL.udp }, same(udp)).output, undefined, 'nobody could go on with it');
  t.equal(policy.send({ proto: PROTOCOL.udp, sport: 9 }).output, 'reflect', 'a new one has a new machine');
  const tcp = policy.send();
  const cut = policy.send({ tcpFlags: 16 }, same(tcp));
  t.match(cut, { output: 'redirect', verdict: VERDICT.reset, tcpFlags: 4 });
  policy.wait(61);
  t.match(policy.send({ tcpFlags: 16 }, same(cut)), { output: 'redirect' }, 'a reset is for ever');
});

t.test('a payload and an age are looked at when they are there', async (t) => {
  const policy = bench(
    t,
    'payload "EVIL" -> drop\nage >= 1min -> reset\ntcp -> limit flows 1/hour per clone then reflect',
  );
  const syn = policy.send();
  t.equal(syn.output, 'forward');
  const good = policy.send({ tcpFlags: 24, payload: Buffer.from('GOOD') }, same(syn));
  t.equal(good.output, 'forward', 'it is not counted again');
  const later = policy.send({ tcpFlags: 24, payload: Buffer.from('EVIL') }, same(good));
  t.equal(later.output, 'forward', 'what comes first counts');
  t.equal(policy.send({ tcpFlags: 24, payload: Buffer.from('EVIL') }, same(syn)).output, 'drop');
  t.equal(policy.send({ tcpFlags: 24 }, same(later, { age: 59 })).output, 'forward');
  t.equal(policy.send({ tcpFlags: 24 }, same(later, { age: 60 })).output, 'redirect');
});

t.test('a reset is what the destination would send', async (t) => {
  const policy = bench(t, 'all -> reset');
  const reset = (wanted: Wanted) => {
    const { output, bytes } = policy.send(wanted);
    return output === 'redirect' ? bytes! : undefined;
  };
  const syn = reset({ sport: 1024, dport: 445, tcpFlags: 2 })!;
  t.same(
    [syn.length, syn.readUInt32BE(12), syn.readUInt32BE(16), syn.readUInt16BE(20), syn.readUInt16BE(22)],
    [40, PEER, CLONE, 445, 1024],
  );
  t.same([syn.readUInt32BE(24), syn.readUInt32BE(28), syn[33]], [0, 1001, 20], 'RST, ACK of the SYN');
  const data = reset({ tcpFlags: 24, payload: Buffer.alloc(10) })!;
  t.same([data.readUInt32BE(24), data.readUInt32BE(28), data[33]], [0, 0, 4], 'RST with the acknowledged number');
  const bare = reset({ tcpFlags: 1, payload: Buffer.alloc(10) })!;
  t.same([bare.readUInt32BE(28), bare[33]], [1011, 20], 'data and FIN count');

  const udp = craft({ src: CLONE, dst: PEER, proto: PROTOCOL.udp, payload: Buffer.alloc(900, 7) });
  const error = reset({ proto: PROTOCOL.udp, dport: 80, sport: 1024, payload: Buffer.alloc(900, 7) })!;
  t.same([error.length, error[9], error[20], error[21]], [576, PROTOCOL.icmp, 3, 13]);
  t.same(error.subarray(28), udp.subarray(0, 548), 'it quotes the packet');
  for (const packet of [syn, data, bare, error]) t.ok(isSound(packet), 'checksums');

  t.notOk(reset({ tcpFlags: 4 }), 'a reset is not answered');
  t.notOk(reset({ proto: PROTOCOL.icmp, icmp: [3, 1] }), 'nor an ICMP error');
  t.notOk(reset({ dst: 0xe0000001, proto: PROTOCOL.udp }), 'nor what is for a group');
  t.notOk(reset({ proto: PROTOCOL.udp, fragment: 5 }), 'nor a later fragment');
});

/** Whether the checksums of an IPv4 packet are right. */
function isSound(packet: Buffer): boolean {
  const sum = (bytes: Uint8Array, from = 0) => {
    let total = from;
    for (const [i, byte] of bytes.entries()) total += i % 2 ? byte : byte << 8;
    while (total > 0xffff) total = (total & 0xffff) + (total >>> 16);
    return total;
  };
  const pseudo = packet[9] === PROTOCOL.tcp ? sum(packet.subarray(12, 20), PROTOCOL.tcp + packet.length - 20) : 0;
  return sum(packet.subarray(0, 20)) === 0xffff && sum(packet.subarray(20), pseudo) === 0xffff;
}

t.test('a policy that is read again decides open flows anew', async (t) => {
  const policy = bench(t, 'tcp -> limit flows 2/hour per clone then drop');
  const open = policy.send({ sport: 1 });
  policy.reload('tcp -> limit flows 2/hour per clone then drop\nudp -> drop');
  const again = policy.send({ sport: 1 }, same(open));
  t.equal(again.output, 'forward');
  t.equal(policy.send({ sport: 2 }).output, 'forward', 'it was not counted a second time');
  t.equal(policy.send({ sport: 3 }).output, 'drop', 'and the counter went on');
  t.equal(policy.clone.opened, 3);
  policy.reload('tcp -> reflect');
  t.equal(policy.send({ sport: 1 }, same(again)).output, 'reflect');
  t.match(policy.handlers.policy.read(), /x\.policy\t1 rules$/);
});

t.test('a wrong policy leaves the old one in force, and says what is wrong', async (t) => {
  const policy = bench(t);
  const open = policy.send({ dport: 80 });
  t.throws(() => policy.reload('tcp -> forwrd\n'), {
    message: /x\.policy:1:8: expected one of .* \(did you mean 'forward'\?\)/,
  });
  t.throws(() => policy.reload('tcp -> redirect smtp\n'), { message: /no sink 'smtp', nor clones/ });
  t.throws(() => policy.handlers.policy.write('none.policy'), {
    message: /none\.policy: expected a file that can be read/,
  });
  t.equal(policy.send({ dport: 80 }, same(open)).output, 'forward');
  t.equal(policy.element.metrics.policies_refused.value, 3);
  renameSync(join(policy.folder, 'x.policy'), join(policy.folder, 'y.policy'));
  writeFileSync(join(policy.folder, 'y.policy'), 'all -> drop');
  policy.handlers.policy.write('y.policy');
  t.equal(policy.send({ dport: 80 }, same(open)).output, 'drop', 'another file, beside the one in force');
});

t.test('decisions can be asked for later, as many as there is room for', async (t) => {
  const policy = bench(t, 'tcp -> limit flows 1/hour per clone then reflect', ', DECISIONS 2');
  for (const sport of [1, 2, 3]) policy.send({ sport });
  const lines = () => policy.handlers.decisions.read().split('\n');
  const [latest, before, ...more] = lines();
  t.same(more, []);
  t.match(before, 'tcp 10.99.1.2:2 > 203.0.113.9:445');
  t.equal(
    latest!.replace(/\t\S*x\.policy/, '\tx.policy'),
    [
      '1970-01-12T13:46:40.000Z',
      'reflect',
      'x.policy:1',
      'universe 1',
      'clone 1',
      'tcp 10.99.1.2:3 > 203.0.113.9:445',
      'flows 1/hour per clone: 1 of 1, reached',
    ].join('\t'),
  );
  policy.handlers.decisions.write('clone 2');
  t.same(lines(), ['']);
  policy.handlers.decisions.write('203.0.113.9');
  t.equal(lines().length, 2);
  t.throws(() => policy.handlers.decisions.write('nobody'), { message: /expected an address/ });
});

t.test('counters end with whom they count for', async (t) => {
  const policy = bench(t, 'tcp -> limit flows 9/day per clone, 9/day per universe, 9/minute per destination then drop');
  await policy.engine.start();
  const counted = () =>
    (['clone', 'universe', 'destination'] as const).map((level) => policy.element.metrics.counted[level].value);
  policy.send();
  policy.wait(11);
  t.same(counted(), [1, 1, 1]);
  policy.clone.state = 'gone';
  policy.universes.close(policy.universe);
  for (let round = 0; round < 40; round++) policy.wait(10);
  t.same(counted(), [0, 0, 0]);
  await policy.engine.stop();
});

t.test('who finds no room for a counter has nothing left', async (t) => {
  const policy = bench(t, 'tcp -> limit flows 9/hour per destination then drop', ', DESTINATIONS 1');
  t.equal(policy.send().output, 'forward');
  const outputs = Array.from({ length: 100 }, (_, i) => policy.send({ dst: PEER + 1 + i }).output);
  t.ok(outputs.includes('drop'));
  t.equal(policy.send().output, 'forward', 'who has one goes on');
});

t.test('while export is stopped nothing is forwarded, and all else goes on', async (t) => {
  const policy = bench(t);
  const answer = policy.send({}, REPLY);
  t.equal(answer.output, 'forward');
  policy.killSwitch.stop('test', '');
  t.equal(policy.send({}, REPLY).output, undefined);
  t.equal(policy.send({ dport: 80 }).output, undefined);
  t.equal(policy.send({}, same(answer, REPLY)).output, undefined, 'of a flow that was decided before');
  t.equal(policy.element.drops.stopped.rows, 3);
  t.match(policy.verdicts().at(-1), { verdict: 'stopped', rule: /x\.policy:5$/ });
  t.equal(policy.send().output, 'reflect');
  t.equal(policy.send({ dport: 53 }).output, 'redirect');
  t.equal(policy.send({ dport: 25 }).output, 'drop');
  policy.killSwitch.lift();
  t.equal(policy.send({}, same(answer, REPLY)).output, 'forward');
});

t.test('more packets in a second than RATE stop export', async (t) => {
  const policy = bench(t, rules, ', RATE 3');
  const forwarded = (packets: number) =>
    Array.from({ length: packets }, () => policy.send({}, REPLY).output).filter((each) => each === 'forward').length;
  t.equal(forwarded(2), 2);
  t.equal(policy.send().output, 'reflect', 'what is reflected does not count');
  policy.wait(1);
  t.equal(forwarded(3), 3, 'a second later');
  t.equal(policy.killSwitch.stopped, false);
  t.equal(forwarded(2), 0);
  t.equal(policy.killSwitch.stopped, true);
  policy.wait(10);
  t.equal(forwarded(1), 0, 'time does not lift it');
  policy.killSwitch.lift();
  t.equal(forwarded(1), 1);
});

t.test('a policy that cannot be evaluated stops export, and the rest goes on', async (t) => {
  const policy = bench(t);
  let call = {};
  policy.killSwitch.onStop = (told) => {
    call = told;
  };
  const { get } = policy.universes;
  policy.universes.get = () => {
    throw new RangeError('out of reach');
  };
  t.equal(policy.send({}, REPLY).output, undefined);
  t.equal(policy.element.drops.failed.rows, 1);
  t.same(call, { by: 'element', reason: 'policy error: RangeError: out of reach' });
  policy.universes.get = get;
  t.equal(policy.send({}, REPLY).output, undefined);
  t.equal(policy.send().output, 'reflect');
});

t.test('a file that has become bad does not stop export: the policy in force stays', async (t) => {
  const policy = bench(t);
  t.throws(() => policy.reload('reply -> forwrd'));
  renameSync(join(policy.folder, 'x.policy'), join(policy.folder, 'gone.policy'));
  t.throws(() => policy.handlers.policy.write('reload'));
  t.equal(policy.killSwitch.stopped, false);
  t.equal(policy.send({}, REPLY).output, 'forward');
});

t.test('export is stopped by a handler', async (t) => {
  const policy = bench(t);
  t.equal(policy.handlers.stop_export.read(), 'false');
  const calls: unknown[] = [];
  policy.killSwitch.onStop = (call) => calls.push(call);
  policy.handlers.stop_export.write(' a test\n');
  t.equal(policy.handlers.stop_export.read(), 'true');
  t.same(calls, [{ by: 'element', reason: 'a test' }]);
  t.equal(policy.send({}, REPLY).output, undefined);
});

t.test('what is to be replaced is written down for every packet of a flow', async (t) => {
  const text = 'udp -> drop\ntcp -> rewrite "a" to "b" then reflect\n';
  t.throws(() => bench(t, text).element.start(), { message: /x\.policy: expected a Rewriter in the graph/ });
  const policy = bench(t, 'tcp -> reflect\n');
  t.throws(() => policy.reload(text), { message: /expected a Rewriter/ });
  policy.engine.services.shared(Rewrites).present = true;
  const plain = policy.send();
  t.match(plain, { output: 'reflect', rewrite: 0 });
  policy.reload(text);
  t.match(policy.send(), { output: 'reflect', rewrite: 1 });
  const anew = policy.send({}, same(plain));
  t.match(anew, { output: 'reflect', rewrite: 1 | REWRITE.anew }, 'what has been decided otherwise before');
  t.match(policy.send({}, same(anew)), { output: 'reflect', rewrite: 1 });
  t.match(policy.handlers.decisions.read(), /\trewrite then reflect\t/);
});
