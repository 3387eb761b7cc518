import t from 'tap';
import { alike, Batch, partition } from '../../../src/packet/batch.js';

t.test('partition keeps the order of what is accepted, and loses nothing', async (t) => {
  const even = (row: number) => row % 2 === 0;
  for (const list of [[], [1], [2], [1, 2, 3, 4, 5, 6], [2, 4, 1, 3], [5, 3, 8, 6, 7, 2]]) {
    const rows = Uint16Array.from(list);
    const accepted = partition(rows, list.length, even);
    t.same([...rows.subarray(0, accepted)], list.filter(even));
    t.same([...rows.subarray(accepted)].sort(), list.filter((row) => !even(row)).sort());
  }
  const rows = Uint16Array.of(1, 2, 4);
  t.equal(partition(rows, 2, even), 1);
  t.same([...rows], [2, 1, 4], 'what lies behind count stays');
});

t.test('rows that are moved are there once, after those that were there before', async (t) => {
  const [from, to] = [new Batch(), new Batch()];
  const list = ({ rows, count }: Batch) => [...rows.subarray(0, count)];
  from.addRange(5, 3);
  to.moveAll(from);
  t.same([list(from), list(to)], [[], [5, 6, 7]]);
  from.add(1);
  t.same(list(to), [5, 6, 7], 'no list is shared');
  to.moveAll(from);
  t.same([list(from), list(to)], [[], [5, 6, 7, 1]]);
  to.moveAll(new Batch());
  t.same(list(to), [5, 6, 7, 1]);
});

t.test('bytes that are known of a list that is moved are of its first rows', async (t) => {
  const [from, to] = [new Batch(), new Batch()];
  const known = ({ summed, sum }: Batch) => [summed, sum];
  from.addRange(0, 3);
  to.moveAll(from, 120);
  to.add(3);
  t.same(
    [known(from), known(to)],
    [
      [0, 0],
      [3, 120],
    ],
  );
  from.add(4);
  to.moveAll(from, 40);
  t.same(known(to), [3, 120], 'only of those that came first');
  from.moveAll(to);
  t.same(
    [known(from), known(to)],
    [
      [0, 0],
      [0, 0],
    ],
  );
  from.moveAll(to, 0);
  from.clear();
  t.same(known(from), [0, 0]);
});

t.test('results are alike if none is another one', async (t) => {
  const results = Uint8Array.of(1, 1, 1, 2);
  t.same(
    [0, 1, 3, 4].map((count) => alike(results, count)),
    [true, true, true, false],
  );
  t.notOk(alike(Uint8Array.of(0, 1, 1), 3));
});
