import fc from 'fast-check';
import t from 'tap';
import { Images } from '../../../src/farm/images.js';
import { Universes } from '../../../src/farm/universes.js';
import { native } from '../../../src/native/addon.js';
import { CHECK } from '../../../src/native/ip.js';
import { SLOT, SLOTS_AT } from '../../../src/packet/columns.js';
import { columnsOf, craft, type Wanted, wantedPacket } from '../../unit/craft.js';
import { icmpBody, ipv4, tableOf } from '../../unit/native/build.js';
import { rig } from '../../unit/rig.js';
import { CloneFarm } from '../hostile.js';

const PEER = 0xc6336401;
/** Few, so that packets between the two, and from the clone's double outside, come up. */
const ADDRESSES = [0x0a630001, 0x0a00020f, PEER, 0] as const;
const [OUTER, INSIDE] = ADDRESSES;
const address = fc.constantFrom(...ADDRESSES);

const wanted: fc.Arbitrary<Wanted> = fc.tuple(wantedPacket, address, address).map(([shape, src, dst]) => {
  // What overlaps TCP flags is not sound.
  const fragment = shape.proto === 6 && (shape.fragment! & 0x1fff) === 1 ? 185 : shape.fragment!;
  return { ...shape, src, dst, fragment };
});

const error = fc
  .record({
    src: address,
    dst: address,
    type: fc.constantFrom(3, 4, 5, 11, 12),
    quoted: wanted.map(craft),
    cut: fc.nat({ max: 60 }),
  })
  .map(({ src, dst, type, quoted, cut }) =>
    ipv4({ proto: 1, src, dst, body: icmpBody({ type, identifier: 0, data: quoted.subarray(0, cut) }) }),
  );

const sound = fc.oneof({ weight: 3, arbitrary: wanted.map(craft) }, { weight: 2, arbitrary: error });

/** Translates the packets in place. Returns how many are faulty. */
function translate({ packets, batch }: ReturnType<typeof tableOf>): number {
  const column = (value: number) => new Uint32Array(batch.count).fill(value);
  return native.ipTranslate(packets.bytes, batch.rows, batch.count, column(OUTER), column(INSIDE));
}

const exchanged = (value: number) => (value === OUTER ? INSIDE : value === INSIDE ? OUTER : value);

t.test('sound packets stay sound, bear the other address, and come back as they were', async (t) => {
  let errors = 0;
  fc.assert(
    fc.property(fc.array(sound, { minLength: 1, maxLength: 10 }), (list) => {
      const table = tableOf(...list);
      const { packets, batch } = table;
      const check = () => native.ipCheck(packets.bytes, batch.rows, batch.count, CHECK.transport);
      if (check() < 0) throw new Error('the test makes packets that are not sound');
      if (translate(table) !== 0) throw new Error('a sound packet cannot be translated');
      if (check() < 0) throw new Error('a checksum is wrong');
      for (const [row, before] of list.entries()) {
        const after = Buffer.from(packets.packet(row));
        for (const at of [12, 16]) {
          if (after.readUInt32BE(at) !== exchanged(before.readUInt32BE(at))) throw new Error('wrong address');
        }
        if (before[9] === 1 && before[20] !== 8 && before.length >= 48) errors++;
      }
      translate(table);
      return list.every((before, row) => before.equals(packets.packet(row)));
    }),
    { numRuns: 1000 },
  );
  t.ok(errors > 500, `${errors} of them were ICMP errors that quote a header`);
});

const hostile = fc.oneof(
  fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes)),
  fc
    .record({ packet: sound, at: fc.nat({ max: 80 }), value: fc.nat({ max: 255 }), cut: fc.nat({ max: 100 }) })
    .map(({ packet, at, value, cut }) => {
      const bytes = Buffer.from(packet.subarray(0, Math.max(0, packet.length - (cut >> 2))));
      if (at < bytes.length) bytes[at] = value;
      return bytes;
    }),
);

t.test('no packet bears the address inside after it, whatever it is, and no other row is touched', async (t) => {
  fc.assert(
    fc.property(hostile, (bytes) => {
      const table = tableOf(bytes, bytes);
      const { packets } = table;
      table.batch.count = 1;
      const before = packets.bytes.slice(SLOTS_AT, SLOTS_AT + 3 * SLOT);
      const faulty = translate(table);
      const after = packets.bytes.subarray(SLOTS_AT, SLOTS_AT + 3 * SLOT);
      if (Buffer.compare(before.subarray(SLOT), after.subarray(SLOT)) !== 0) throw new Error('another row has changed');
      const start = packets.start[0]! - SLOTS_AT;
      const outside = (table: Uint8Array) => [table.subarray(0, start), table.subarray(start + bytes.length, SLOT)];
      if (outside(before).some((part, i) => Buffer.compare(part, outside(after)[i]!) !== 0)) {
        throw new Error('bytes beside the packet have changed');
      }
      if (faulty > 0) return Buffer.compare(before.subarray(0, SLOT), after.subarray(0, SLOT)) === 0;
      // Who is not the clone may well have that address outside, and is exchanged too.
      return packets.view.getUint32(packets.start[0]! + 12) === exchanged(bytes.readUInt32BE(12));
    }),
    { numRuns: 1500 },
  );
  t.pass();
});

t.test('whatever a clone sends, it leaves with the clone’s own address or not at all', async (t) => {
  let left = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(fc.oneof(hostile, sound), { minLength: 1, maxLength: 30, size: 'max' }), async (list) => {
      const { element, engine, put, run } = rig(CloneFarm, 'IMAGES config/images');
      element.hostile.inside = INSIDE;
      const universe = engine.services.shared(Universes).create(PEER, OUTER).id;
      const image = engine.services.shared(Images).number('linux') + 1;
      await engine.start();
      const ping = craft({ proto: 1, src: PEER, dst: OUTER });
      put(ping, { ...columnsOf(ping), universe, image });
      run();
      for (const bytes of list)
        element.hostile.emit(1, Buffer.concat([Buffer.alloc(12, 2), Buffer.from([8, 0]), bytes]));
      const { out } = run();
      left += out!.length;
      await engine.stop();
      if (out!.some(({ bytes }) => bytes.readUInt32BE(12) !== OUTER)) throw new Error('another address has left');
    }),
    { numRuns: 200 },
  );
  t.ok(left > 100, `${left} packets left`);
});
