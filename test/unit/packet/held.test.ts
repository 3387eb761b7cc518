import fc from 'fast-check';
import t from 'tap';
import { native } from '../../../src/native/addon.js';
import { Batch } from '../../../src/packet/batch.js';
import { COLUMNS, type ColumnName, HEADROOM, ROWS, SLOT } from '../../../src/packet/columns.js';
import { HeldPackets } from '../../../src/packet/held.js';
import { Packets } from '../../../src/packet/packets.js';

const NAMES_ALL = Object.keys(COLUMNS);
const WORDS = NAMES_ALL.length;
const NAMES = (Object.keys(COLUMNS) as ColumnName[]).filter((name) => name !== 'start');

/** A row whose every column and byte follow from a number. */
function fill(packets: Packets, number: number, length: number, offset = HEADROOM): number {
  const row = packets.take();
  for (const [i, name] of NAMES.entries()) packets[name][row] = number * 31 + i;
  packets.start[row] = packets.slot(row) + offset;
  packets.length[row] = length;
  packets.packet(row).forEach((_, i, bytes) => {
    bytes[i] = number + i;
  });
  return row;
}

function look(packets: Packets, row: number) {
  return {
    columns: NAMES.map((name) => packets[name][row]),
    offset: packets.start[row]! - packets.slot(row),
    bytes: Buffer.from(packets.packet(row)).toString('hex'),
  };
}

t.test('a packet comes back in another turn as it was', async (t) => {
  const packets = new Packets();
  const held = new HeldPackets({ packets: 2 });
  fill(packets, 9, 10);
  const row = fill(packets, 77, 1500, 14);
  const before = look(packets, row);
  t.ok(held.push(packets, row));
  packets.reset();
  packets.bytes.fill(0xee);
  t.equal(held.oldestLength, 1500);
  t.strictSame(look(packets, held.pop(packets)), before);
  t.equal(held.pop(packets), -1, 'nothing is left');
  t.equal(packets.used, 1, 'and no row is taken for nothing');
});

t.test('both limits hold', async (t) => {
  const packets = new Packets();
  const row = fill(packets, 1, 40);
  const two = new HeldPackets({ packets: 2 });
  t.strictSame([two.push(packets, row), two.push(packets, row), two.push(packets, row)], [true, true, false]);
  const few = new HeldPackets({ packets: 10, bytes: 100 });
  t.strictSame([few.push(packets, row), few.push(packets, row), few.push(packets, row)], [true, true, false]);
  t.equal(few.bytes, 80);
  few.dropOldest();
  t.ok(few.push(packets, row), 'room is made by forgetting');
  t.equal(few.clear(), 2);
  t.strictSame([few.count, few.bytes, few.oldestLength], [0, 0, 0]);
  const none = new HeldPackets({ packets: 0 });
  t.notOk(none.push(packets, row));
});

t.test('batches are held and given back in order, whole or in part', async (t) => {
  const packets = new Packets();
  const held = new HeldPackets({ packets: 6, bytes: 400 });
  const refused = new Batch();
  const out = new Batch();
  const batch = new Batch();
  const model: ReturnType<typeof look>[] = [];
  const hold = (...lengths: number[]) => {
    packets.reset();
    batch.clear();
    for (const [i, length] of lengths.entries()) batch.add(fill(packets, model.length * 7 + i, length, HEADROOM + i));
    return batch;
  };
  const check = (max: number) => {
    packets.reset();
    packets.bytes.fill(0xee);
    packets.take();
    out.clear();
    const given = held.popAll(packets, max, out);
    t.equal(given, Math.min(max, model.length));
    t.equal(given, out.count);
    t.equal(packets.used, 1 + given);
    t.strictSame(
      [...out.rows.subarray(0, given)].map((row) => look(packets, row)),
      model.splice(0, given),
    );
  };
  // Uneven lengths, so that both rings wrap around in the middle of a batch and of a packet.
  for (let round = 0; round < 40; round++) {
    hold(37 + round, 0, 61);
    model.push(...[0, 1, 2].map((i) => look(packets, batch.rows[i]!)));
    t.equal(held.pushAll(packets, batch, refused), 3);
    check(2);
    if (model.length > 2) check(10);
  }
  t.equal(refused.count, 0);
  check(100);
  t.strictSame([held.count, held.bytes], [0, 0]);

  hold(100, 150, 160, 120);
  model.push(...[0, 1, 3].map((i) => look(packets, batch.rows[i]!)));
  t.equal(held.pushAll(packets, batch, refused), 3, 'a packet too long for the room left is refused alone');
  t.strictSame([refused.count, refused.rows[0]], [1, batch.rows[2]]);
  check(4);
  hold(1);
  held.pushAll(packets, batch, refused);
  while (packets.take() !== -1);
  t.equal(held.popAll(packets, 9, out), 0, 'no row is free');
  t.equal(held.count, 1);
});

t.test('native code believes nothing about the rings', async (t) => {
  const packets = new Packets();
  const row = fill(packets, 1, 40);
  const rows = Uint16Array.of(row, row);
  const words = new Uint32Array(WORDS * 2);
  const data = new Uint8Array(80);
  const push = (count: number, head: number, held: number, dataHead: number, bytes: number) =>
    native.heldPush(packets.bytes, rows, count, words, data, head, held, dataHead, bytes);
  const pop = (count: number, held: number, bytes: number) =>
    native.heldPop(packets.bytes, 0, count, words, data, 0, held, 0, bytes);
  t.equal(push(2, 0, 0, 0, 0), 80);
  t.throws(() => push(1, 0, 2, 0, 0), TypeError, 'no place');
  t.throws(() => push(1, 2, 0, 0, 0), TypeError, 'a head outside');
  t.throws(() => push(1, 0, 3, 0, 0), TypeError, 'more held than places');
  t.throws(() => push(1, 0, 0, 80, 0), TypeError, 'bytes that begin outside');
  t.throws(() => push(1, 0, 0, 0, 81), TypeError, 'more bytes than places');
  t.throws(() => push(1, 0, 0, 0, 41), TypeError, 'no room for the bytes');
  t.throws(() => push(3, 0, 0, 0, 0), RangeError, 'more rows than are listed');
  t.throws(() => pop(2, 1, 80), TypeError, 'fewer are held');
  t.throws(() => pop(2, 2, 79), TypeError, 'fewer bytes are held');
  t.throws(() => native.heldPop(packets.bytes, ROWS - 1, 2, words, data, 0, 2, 0, 80), RangeError, 'rows outside');
  const own = new Uint16Array(words.buffer, 0, 2);
  t.throws(() => native.heldPush(packets.bytes, own, 2, words, data, 0, 0, 0, 0), TypeError, 'a list in the ring');
  t.equal(pop(2, 2, 80), 80);
  words[NAMES_ALL.indexOf('start')] = SLOT;
  t.throws(() => pop(1, 2, 80), TypeError, 'a packet outside its slot');
  t.equal(native.heldPush(packets.bytes, rows, 0, new Uint32Array(0), new Uint8Array(0), 0, 0, 0, 0), 0);
});

t.test('a full packet table keeps the packet waiting', async (t) => {
  const packets = new Packets();
  const held = new HeldPackets({ packets: 1 });
  held.push(packets, fill(packets, 1, 20));
  while (packets.take() !== -1);
  t.equal(held.pop(packets), -1);
  t.equal(held.count, 1);
});

t.test('it is a queue, whatever is pushed, popped and forgotten', async () => {
  const step = fc.oneof(
    { weight: 5, arbitrary: fc.record({ push: fc.integer({ min: 0, max: 200 }) }) },
    { weight: 4, arbitrary: fc.constant('pop' as const) },
    { weight: 1, arbitrary: fc.constant('drop' as const) },
  );
  const packets = new Packets();
  fc.assert(
    fc.property(fc.array(step, { maxLength: 300 }), fc.integer({ min: 1, max: 40 }), (steps, most) => {
      const held = new HeldPackets({ packets: most, bytes: most * 60 });
      const model: ReturnType<typeof look>[] = [];
      const bytes = () => model.reduce((sum, { bytes }) => sum + bytes.length / 2, 0);
      for (const [number, step] of steps.entries()) {
        packets.reset();
        if (step === 'pop') {
          const row = held.pop(packets);
          const expected = model.shift();
          if (row === -1 ? expected : JSON.stringify(look(packets, row)) !== JSON.stringify(expected)) return false;
        } else if (step === 'drop') {
          held.dropOldest();
          model.shift();
        } else {
          const row = fill(packets, number, step.push, number % (SLOT - 200));
          const fits = model.length < most && bytes() + step.push <= most * 60;
          if (fits) model.push(look(packets, row));
          if (held.push(packets, row) !== fits) return false;
        }
        if (held.count !== model.length || held.bytes !== bytes()) return false;
      }
      return true;
    }),
  );
});
