import { existsSync } from 'node:fs';
import t from 'tap';
import { readTime, withFolder } from '../../../bench/program.js';

t.test('what a program prints is read', async (t) => {
  t.equal(readTime('1000000 packets, 36.70 ns each\n'), 36.7);
  t.throws(() => readTime('usage: floor\n'), /expected packets and ns, but came: usage/);
});

t.test('a folder goes after use, and after a failure', async (t) => {
  const folders: string[] = [];
  const parent = t.testdir({});
  await withFolder(parent, async (folder) => folders.push(folder));
  await t.rejects(
    withFolder(parent, async (folder) => {
      folders.push(folder);
      throw new Error('no more');
    }),
    /no more/,
  );
  t.same(folders.map(existsSync), [false, false]);
  t.equal(new Set(folders).size, 2);
});
