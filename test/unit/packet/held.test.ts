import fc from 'fast-check';
import t from 'tap';
import { COLUMNS, type ColumnName, HEADROOM, SLOT } from '../../../src/packet/columns.js';
import { HeldPackets } from '../../../src/packet/held.js';
import { Packets } from '../../../src/packet/packets.js';

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
