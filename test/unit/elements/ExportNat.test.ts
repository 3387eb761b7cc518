import fc from 'fast-check';
import t from 'tap';
import { ExportNat } from '../../../src/elements/ExportNat.js';
import { native } from '../../../src/native/addon.js';
import { CHECK } from '../../../src/native/ip.js';
import { FLOW } from '../../../src/packet/flow.js';
import { columnsOf, craft, type Wanted } from '../craft.js';
import { tableOf } from '../native/build.js';
import { rig } from '../rig.js';

const NAT = 0xc6336401;
const CLONE = 0x0a630102;
const PEER = 0xcb007109;

function bench(config = '') {
  const made = rig(ExportNat, `ADDRESS 198.51.100.1${config}`);
  const pass = (input: 'out' | 'back', bytes: Buffer, columns = {}) => {
    made.put(bytes, { ...columnsOf(bytes), universe: 1, length: bytes.length, ...columns }, input);
    const [seen] = made.run()[input]!;
    if (!seen) return undefined;
    const { packets, batch } = tableOf(seen.bytes);
    if (native.ipCheck(packets.bytes, batch.rows, 1, CHECK.transport) < 0) throw new Error('it is not sound any more');
    return seen.bytes;
  };
  return {
    ...made,
    out: (bytes: Buffer, columns = {}) => pass('out', bytes, columns),
    back: (bytes: Buffer) => pass('back', bytes),
  };
}

/** The packet that answers one. */
function answer(packet: Buffer, more: Wanted = {}): Buffer {
  const icmp = packet[9] === 1;
  const made = craft({
    proto: packet[9]!,
    src: packet.readUInt32BE(16),
    dst: packet.readUInt32BE(12),
    ...(icmp ? { icmp: [0, 0] as const } : { sport: packet.readUInt16BE(22), dport: packet.readUInt16BE(20) }),
    tcpFlags: 18,
    ...more,
  });
  if (!icmp) return made;
  const before = made.readUInt16BE(24);
  made.writeUInt16BE(packet.readUInt16BE(24), 24);
  let sum = (~made.readUInt16BE(22) & 0xffff) + (~before & 0xffff) + packet.readUInt16BE(24);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  made.writeUInt16BE(~sum & 0xffff, 22);
  return made;
}

const wanted = fc.record({
  proto: fc.constantFrom(6, 17, 1),
  sport: fc.constantFrom(1, 1234, 65_535),
  dport: fc.constantFrom(25, 80),
  payload: fc.uint8Array({ maxLength: 9 }),
});

t.test('what goes out comes from the address, and the answer finds back as if it had not', async (t) => {
  fc.assert(
    fc.property(fc.array(wanted, { minLength: 1, maxLength: 10 }), (list) => {
      const { out, back } = bench();
      for (const each of list) {
        const sent = craft({ src: CLONE, dst: PEER, ...each });
        const left = out(sent)!;
        if (left.readUInt32BE(12) !== NAT) throw new Error('it bears another address');
        const again = out(sent)!;
        if (!left.equals(again)) throw new Error('a flow has two ports');
        const got = back(answer(left, { payload: each.payload }))!;
        if (!got.equals(answer(sent, { payload: each.payload }))) throw new Error('what came back is another answer');
      }
    }),
    { numRuns: 100 },
  );
  t.pass();
});

t.test('errors about a flow are translated, and what they quote', async (t) => {
  const { out, back } = bench();
  for (const proto of [6, 17, 1]) {
    const sent = craft({ src: CLONE, dst: PEER, proto, sport: 1234, payload: Buffer.from('0123456789abcdef') });
    const left = out(sent)!;
    const error = (quoted: Buffer, dst: number) =>
      craft({ src: 0x08080808, dst, proto: 1, icmp: [11, 0], payload: quoted });
    t.same(back(error(left, NAT)), error(sent, CLONE), 'all of it is quoted');
    t.same(back(error(left.subarray(0, 28), NAT))?.length, 56);
    const answered = answer(left);
    const refusal = (quoted: Buffer, src: number) => craft({ src, dst: PEER, proto: 1, icmp: [3, 3], payload: quoted });
    t.same(out(refusal(back(answered)!, CLONE)), refusal(answered, NAT), 'a clone tells of what it was sent');
  }
});

t.test('answers to who contacted a clone keep the address that was contacted', async (t) => {
  const { out } = bench();
  const sent = craft({ src: CLONE, dst: PEER, proto: 6, tcpFlags: 18 });
  t.same(out(sent, { flowState: FLOW.known | FLOW.fromOutside | FLOW.reply }), sent);
});

t.test('nobody else comes in, and what cannot be translated goes nowhere', async (t) => {
  const { out, back, element } = bench();
  const left = out(craft({ src: CLONE, dst: PEER, proto: 6, sport: 1234 }))!;
  const port = left.readUInt16BE(20);
  t.equal(back(craft({ src: PEER + 1, dst: NAT, proto: 6, sport: 80, dport: port })), undefined);
  t.equal(back(craft({ src: PEER, dst: NAT, proto: 6, sport: 81, dport: port })), undefined);
  t.equal(back(craft({ src: PEER, dst: NAT, proto: 17, sport: 80, dport: port })), undefined);
  t.equal(element.drops.unknown.value, 3);
  const other = craft({ src: PEER, dst: CLONE });
  t.same(back(other), other, 'what is for the telescope passes');
  t.equal(out(craft({ src: CLONE, dst: PEER, proto: 47 })), undefined);
  t.equal(out(craft({ src: CLONE, dst: PEER, fragment: 0x2000, payload: Buffer.alloc(16) })), undefined);
  t.equal(out(craft({ src: CLONE, dst: PEER, proto: 1, icmp: [3, 3], payload: Buffer.alloc(8) })), undefined);
});

t.test('ports are bounded, not to be foreseen, and free again after a while', async (t) => {
  const made = bench(', FIRST 5000, LAST 5003, UDP 100s');
  const { out, wait, element, engine } = made;
  await engine.start();
  const send = (sport: number, columns = {}) => out(craft({ src: CLONE, dst: PEER, sport }), columns)?.readUInt16BE(20);
  const ports = [1, 2, 3, 4].map((sport) => send(sport));
  t.same([...ports].sort(), [5000, 5001, 5002, 5003]);
  t.equal(send(5), undefined);
  t.equal(element.drops.full.value, 1);
  t.equal(send(1), ports[0], 'who has one keeps it');
  wait(60);
  send(2);
  wait(60);
  t.equal(send(2), ports[1]);
  t.not(send(1, { universe: 2 }), undefined, 'and another clone of that address is another');
  const drawn = Array.from({ length: 50 }, (_, i) =>
    bench()
      .out(craft({ src: CLONE, dst: PEER, sport: i }))!
      .readUInt16BE(20),
  );
  t.equal(new Set(drawn).size, 1, 'the same seed gives the same ports');
  const one = bench();
  const many = Array.from({ length: 50 }, (_, i) =>
    one.out(craft({ src: CLONE, dst: PEER, sport: i }))!.readUInt16BE(20),
  );
  t.ok(many.filter((port, i) => Math.abs(port - (many[i - 1] ?? 0)) < 100).length < 5, 'they are far apart');
  await engine.stop();
});

t.test('packets of one batch are translated in their order, and what one flow is given the others see', async (t) => {
  const { put, run, element } = rig(ExportNat, 'ADDRESS 198.51.100.1, FIRST 5000, LAST 5001');
  const send = (bytes: Buffer) => put(bytes, { ...columnsOf(bytes), universe: 1, length: bytes.length }, 'out');
  const flow = (sport: number) => craft({ src: CLONE, dst: PEER, proto: 17, sport, payload: Buffer.alloc(8) });
  const quoted = craft({ src: PEER, dst: CLONE, proto: 17, sport: 80, dport: 1, payload: Buffer.alloc(8) });
  send(flow(1));
  send(flow(2));
  send(flow(3));
  send(craft({ src: CLONE, dst: PEER, proto: 1, icmp: [3, 3], payload: quoted }));
  send(flow(3));
  send(craft({ src: CLONE, dst: PEER, proto: 47 }));
  send(flow(1));
  const left = run().out!.map(({ bytes }) => bytes);
  t.same(
    left.map((bytes) => bytes[9]),
    [17, 17, 1, 17],
  );
  const ports = left.map((bytes) => bytes.readUInt16BE(bytes[9] === 1 ? 28 + 22 : 20));
  t.same([...new Set(ports)].sort(), [5000, 5001]);
  t.equal(ports[0], ports[3], 'a flow has one port');
  t.equal(ports[2], ports[0], 'and the error is about the first one');
  t.same([element.drops.full.value, element.drops.protocol.value], [2, 1], 'the third flow gets none, twice');
});
