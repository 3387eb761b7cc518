import t from 'tap';
import { native } from '../../../src/native/addon.js';
import { ROWS } from '../../../src/packet/columns.js';
import { Packets } from '../../../src/packet/packets.js';

/** Packets of some lengths, and the call about them. */
function setUp(lengths: readonly number[], slots: readonly number[]) {
  const packets = new Packets();
  const rows = Uint16Array.from(lengths, (length) => {
    const row = packets.take();
    packets.length[row] = length;
    return row;
  });
  const paid = new Uint8Array(ROWS).fill(7);
  const call = (now: number, values: Float64Array, width: number, meters: readonly number[]) => {
    const own = Float64Array.from(meters);
    native.tally(packets.bytes, rows, rows.length, now, paid, Int32Array.from(slots), values, width, own);
    return [...rows].map((row) => paid[row]);
  };
  return { packets, rows, paid, call };
}

/** Of packets, and of bytes: column, whether bytes, seconds, most. */
const PACKETS = [0, 0, 60, 3];
const BYTES = [2, 1, 10, 250];

t.test('each packet counts if all meters have room for it', async (t) => {
  const { call } = setUp([100, 200, 100, 50, 50], [0, 0, 0, 1, 0]);
  const values = new Float64Array(8);
  t.same(call(5, values, 4, [...PACKETS, ...BYTES]), [1, 0, 1, 1, 1], 'the second one has too many bytes');
  t.same([...values], [65, 3, 15, 250, 65, 1, 15, 50], 'what has no room is not counted by the other meter either');
  t.same(call(14.9, values, 4, [...PACKETS, ...BYTES]), [0, 0, 0, 1, 0]);
  t.same(call(15, values, 4, BYTES), [1, 0, 1, 1, 1], 'a window is over as its end comes');
});

t.test('a window begins with what is counted first', async (t) => {
  const { call } = setUp([1], [0]);
  const values = Float64Array.of(0, 99);
  call(0, values, 2, PACKETS);
  t.same([...values], [60, 1], 'what an old window held is gone');
  call(59, values, 2, PACKETS);
  t.same([...values], [60, 2]);
  call(60, values, 2, PACKETS);
  t.same([...values], [120, 1]);
});

t.test('a key without a row has no room', async (t) => {
  const { call } = setUp([1, 1, 1], [-1, 2, 1]);
  t.same(call(1, new Float64Array(5), 2, PACKETS), [0, 0, 1], 'the last number is no row');
  t.same(call(1, new Float64Array(0), 2, PACKETS), [0, 0, 0]);
  t.same(call(Number.NaN, new Float64Array(4), 2, PACKETS), [0, 0, 1], 'no time is never within a window');
});

t.test('no meters let everything pass', async (t) => {
  t.same(setUp([1, 1], [0, -1]).call(1, new Float64Array(2), 2, []), [1, 0]);
});

t.test('levels count together, or not at all', async (t) => {
  const lengths = Array.from({ length: 200 }, (_, i) => 40 + ((i * 37) % 500));
  const { packets, rows, paid } = setUp(lengths, []);
  const limits = [
    {
      keys: 40,
      meters: [
        [0, 0, 60, 9],
        [2, 1, 10, 2500],
      ],
    },
    { keys: 1, meters: [[0, 0, 5, 60]] },
    { keys: 50, meters: [[0, 1, 3, 2000]] },
  ];
  const levels = limits.map(({ keys, meters }, level) => ({
    slots: Int32Array.from(lengths, (_, i) => (i * (level + 3)) % keys),
    values: new Float64Array(4 * keys),
    own: Float64Array.from(meters.flat()),
    meters,
  }));
  const model = levels.map(({ values }) => values.slice());
  const both = { counted: 0, refused: 0 };
  for (const now of [0, 1, 4, 6, 11, 70]) {
    const wanted = lengths.map((length, i) => {
      const places = levels.flatMap(({ slots, meters }, level) =>
        meters.map(([column, bytes, seconds, most]) => {
          const at = slots[i]! * 4 + column!;
          const open = now < model[level]![at]!;
          return { level, at, open, seconds: seconds!, most: most!, amount: bytes === 1 ? length : 1 };
        }),
      );
      const has = places.every(
        ({ level, at, open, most, amount }) => (open ? model[level]![at + 1]! : 0) + amount <= most,
      );
      for (const { level, at, open, seconds, amount } of has ? places : []) {
        if (!open) model[level]!.set([now + seconds, 0], at);
        model[level]![at + 1]! += amount;
      }
      both[has ? 'counted' : 'refused']++;
      return Number(has);
    });
    const parts = levels.flatMap(({ slots, values, own }) => [slots, values, 4, own]);
    native.tally(packets.bytes, rows, rows.length, now, paid, ...parts);
    t.same(
      [...rows].map((row) => paid[row]),
      wanted,
    );
    t.same(
      levels.map(({ values }) => values),
      model,
    );
  }
  t.ok(both.counted > 100 && both.refused > 100, JSON.stringify(both));
});

t.test('arguments that are none are refused', async (t) => {
  const { packets, rows, paid, call } = setUp([1], [0]);
  const values = new Float64Array(4);
  t.throws(() => call(1, values, 0, PACKETS), RangeError);
  t.throws(() => call(1, values, 2, [1, 0, 1, 1]), /column must lie in the row/);
  t.throws(() => call(1, values, 2, [-1, 0, 1, 1]), /column must lie in the row/);
  t.throws(() => call(1, values, 2, [Number.NaN, 0, 1, 1]), /column must lie in the row/);
  t.throws(() => call(1, values, 2, [0, 0, 1]), /4 numbers/);
  const meters = Float64Array.from(PACKETS);
  const slots = new Int32Array(1);
  type Over = Partial<{ rows: Uint16Array; slots: Int32Array; paid: Uint8Array; now: unknown; levels: number }>;
  const tally = (over: Over) => {
    const level = [over.slots ?? slots, values, 2, meters];
    const parts = Array.from({ length: over.levels ?? 1 }, () => level).flat();
    const now = ('now' in over ? over.now : 1) as number;
    native.tally(packets.bytes, over.rows ?? rows, 1, now, over.paid ?? paid, ...parts);
  };
  tally({ levels: 4 });
  t.throws(() => tally({ levels: 5 }), /up to 4 levels/);
  t.throws(() => native.tally(packets.bytes, rows, 1, 1, paid, slots, values, 2), /up to 4 levels/);
  t.throws(() => tally({ slots: new Int32Array(0) }), /slots must hold one/);
  t.throws(() => tally({ paid: new Uint8Array(4) }), /paid must hold one/);
  t.throws(() => tally({ rows: Uint16Array.of(ROWS) }), /below/);
  t.throws(() => tally({ now: 'soon' }), /now must be a number/);
  const shared = new ArrayBuffer(ROWS);
  t.throws(() => tally({ rows: new Uint16Array(shared, 0, 1), paid: new Uint8Array(shared) }), /memory of its own/);
});
