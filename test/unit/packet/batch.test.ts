import t from 'tap';
import { partition } from '../../../src/packet/batch.js';

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
