import t from 'tap';
import { native } from '../../../src/native/addon.js';
import { Batch } from '../../../src/packet/batch.js';
import { ROWS } from '../../../src/packet/columns.js';
import { Packets } from '../../../src/packet/packets.js';
import { Table } from '../../../src/packet/table.js';
import { KEY_BY, NONE, SHARED, UniverseKeys } from '../../../src/packet/universe-keys.js';

const seed = new Uint8Array(16).fill(7);
const table = (capacity = 100) => new Table({ keyWords: 3, valueWords: 1, capacity, seed });

/** Rows of a table of packets, all in one batch. */
function put(packets: Packets, ...roots: readonly (readonly [src: number, dst: number, flow?: number])[]): Batch {
  const batch = new Batch();
  for (const [src, dst, flow = 0] of roots) {
    const row = packets.take();
    packets.src[row] = src;
    packets.dst[row] = dst;
    packets.flow[row] = flow;
    batch.add(row);
  }
  return batch;
}

const words = (keys: UniverseKeys) => [...keys.words.subarray(0, 3 * keys.count)];
const numbers = (keys: UniverseKeys, { count }: Batch) => [...keys.numbers.subarray(0, count)];

const HIGH = 0xc0000201;

t.test('a key has what its packets have in common, and the addresses of the first of them', async (t) => {
  const packets = new Packets();
  const batch = put(packets, [HIGH, 10, 5], [HIGH, 11, 6], [HIGH, 10, 6], [2, 10, 5], [HIGH, 10, 5]);
  const high = HIGH | 0;
  const expected = {
    packet: [
      [0, 1, 2, 3, 0],
      [high, 10, 5, high, 11, 6, high, 10, 6, 2, 10, 5],
      [10, 11, 10, 10],
    ],
    pair: [
      [0, 1, 0, 2, 0],
      [high, 10, 0, high, 11, 0, 2, 10, 0],
      [10, 11, 10],
    ],
    source: [
      [0, 0, 0, 1, 0],
      [high, 0, 0, 2, 0, 0],
      [10, 10],
    ],
  };
  for (const by of ['packet', 'pair', 'source'] as const) {
    const keys = new UniverseKeys(KEY_BY[by]);
    keys.read(packets, batch, table());
    const targets = [...keys.targets.subarray(0, keys.count)];
    t.same([numbers(keys, batch), words(keys), targets], expected[by], by);
    t.equal(keys.sources[0], HIGH);
  }
});

t.test('those who share a universe have one key, whatever their addresses are', async (t) => {
  for (const by of Object.values(KEY_BY)) {
    const packets = new Packets();
    const keys = new UniverseKeys(by);
    const batch = put(packets, [1, 10, 1], [2, 11, 2], [3, 12, 3], [0, 0, 0]);
    keys.shared.set([1, 0, 1, 0]);
    keys.read(packets, batch, table());
    t.same(numbers(keys, batch), [0, 1, 0, 2]);
    t.same(words(keys).slice(0, 3), [0, 0, SHARED]);
    t.same([keys.sources[0], keys.targets[0]], [1, 10]);
  }
});

t.test('numbers are good for one turn, and what a key was promised with them', async (t) => {
  const packets = new Packets();
  const keys = new UniverseKeys(KEY_BY.pair);
  const read = (...roots: [number, number][]) => {
    const batch = put(packets, ...roots);
    keys.read(packets, batch, table());
    return numbers(keys, batch);
  };
  t.same(read([1, 10], [2, 10]), [0, 1]);
  keys.ids.set([77, 78]);
  t.same(read([3, 10], [2, 10]), [2, 1]);
  t.same([...keys.ids.subarray(0, 3)], [77, 78, 0]);
  keys.clear();
  t.equal(keys.count, 0);
  t.same(read([2, 10], [1, 10]), [0, 1]);
  t.same([...keys.ids.subarray(0, 2)], [0, 0]);
});

t.test('a packet whose key the table has gets its universe, and no number', async (t) => {
  const packets = new Packets();
  const universes = table();
  universes.keys.set([1, 10, 0, HIGH, 10, 0]);
  universes.upsert(2, 0);
  for (const [i, id] of [5, 0xffffffff].entries()) universes.values[universes.slots[i]! * universes.stride] = id;
  const keys = new UniverseKeys(KEY_BY.pair);
  const batch = put(packets, [1, 10], [2, 10], [HIGH, 10], [1, 11], [2, 10]);
  packets.universe.fill(9);
  keys.read(packets, batch, universes);
  t.same([...packets.universe.subarray(0, 6)], [5, 0, 0xffffffff, 0, 0, 9]);
  t.same(numbers(keys, batch), [NONE, 0, NONE, 1, 0]);
  universes.remove(universes.slots[0]!);
  keys.read(packets, batch, universes);
  t.same(numbers(keys, batch), [2, 0, NONE, 1, 0], 'it has none any more');
});

t.test('a turn has as many keys as rows, and says no to more', async (t) => {
  const packets = new Packets();
  const keys = new UniverseKeys(KEY_BY.pair);
  const batch = put(packets, ...Array.from({ length: ROWS }, (_, i) => [i % 7, i] as const));
  keys.read(packets, batch, table());
  t.same(
    numbers(keys, batch),
    [...batch.rows].map((_, i) => i),
    'all are different',
  );
  keys.read(packets, batch, table());
  t.equal(keys.count, ROWS, 'all are known');
  packets.src[batch.rows[3]!] = 99;
  keys.read(packets, batch, table());
  t.same([...keys.numbers.subarray(2, 5)], [2, NONE, 4]);
  t.equal(keys.ids[NONE], 0, 'no universe is promised to what has no number');
});

t.test('numbers in the memory that are damaged lead nowhere', async (t) => {
  const packets = new Packets();
  const batch = put(packets, [1, 10], [2, 10]);
  const size = new UniverseKeys(KEY_BY.pair).bytes.length;
  for (const byte of [1, 0x7f, 0xff]) {
    const memory = new Uint8Array(size).fill(byte);
    native.universeKeysRead(memory, table().memory, packets.bytes, batch.rows, 2, KEY_BY.pair);
    t.ok(memory.subarray(size - ROWS).every((each) => each === byte));
  }
});

t.test('arguments are checked', async (t) => {
  const packets = new Packets();
  const rows = new Uint16Array(2);
  const { bytes } = new UniverseKeys(KEY_BY.pair);
  const read = (over: { keys?: Uint8Array; universes?: Uint8Array; rows?: Uint16Array; n?: number; by?: number }) =>
    native.universeKeysRead(
      over.keys ?? bytes,
      over.universes ?? table().memory,
      packets.bytes,
      over.rows ?? rows,
      over.n ?? 2,
      over.by ?? 0,
    );
  t.doesNotThrow(() => read({}));
  t.throws(() => read({ keys: bytes.subarray(4) }), TypeError);
  t.throws(() => read({ keys: new Uint8Array(bytes.length + 4) }), TypeError);
  t.throws(() => read({ keys: new Uint8Array(new ArrayBuffer(bytes.length + 1), 1) }), TypeError);
  t.throws(() => read({ universes: new Uint8Array(100) }), TypeError);
  t.throws(() => read({ universes: new Table({ keyWords: 2, valueWords: 1, capacity: 1 }).memory }), TypeError);
  t.throws(() => read({ universes: new Table({ keyWords: 3, valueWords: 0, capacity: 1 }).memory }), TypeError);
  t.throws(() => read({ n: 3 }), RangeError);
  t.throws(() => read({ rows: Uint16Array.of(ROWS, 0) }), RangeError);
  t.throws(() => read({ rows: new Uint16Array(bytes.buffer, 0, 2) }), /keys must lie/);
  for (const by of [3, -1, 0.5]) t.throws(() => read({ by }), RangeError);
});
