import t from 'tap';
import { Batch, partition } from '../../../src/packet/batch.js';

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
