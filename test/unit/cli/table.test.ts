import t from 'tap';
import { age, size, table } from '../../../src/cli/table.js';

t.test('a table is aligned, and what is in it stays in its line', async (t) => {
  const text = table<[string, number]>(
    [
      { head: 'NAME', show: ([name]) => name },
      { head: 'N', right: true, show: ([, number]) => String(number) },
    ],
    [
      ['a', 1],
      ['long\nname', 100],
    ],
  );
  t.equal(text, 'NAME            N\na               1\nlong\\x0aname  100\n');
});

t.test('units', async (t) => {
  t.same([null, 0, 1023, 1024, 600 << 10, 1.5 * 2 ** 20, 2 ** 50].map(size), [
    '-',
    '0 B',
    '1023 B',
    '1.0 KB',
    '600 KB',
    '1.5 MB',
    '1024 TB',
  ]);
  const ago = (seconds: number) => age(new Date(1e12 - seconds * 1000).toISOString(), 1e12);
  t.same([0, 59, 300, 7200, 864_000, -5].map(ago), ['0 s', '59 s', '5 min', '2 h', '10 d', '0 s']);
});
