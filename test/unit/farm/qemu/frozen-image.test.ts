import { closeSync, readFileSync, readlinkSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { Pool } from '../../../../src/farm/pool.js';
import { FrozenImage } from '../../../../src/farm/qemu/frozen-image.js';
import { layDown, QEMU } from '../image/files.js';

t.test('clones are made of the files that were verified, though others come to stand in their places', async (t) => {
  const folder = join(t.testdir(), 'box');
  await layDown(folder, 'box');
  const pool = new Pool({ budget: 1, clones: 1 });
  t.teardown(() => pool.close());
  const image = await FrozenImage.load(folder, pool, QEMU);
  t.teardown(() => image.close());
  rmSync(folder, { recursive: true });
  await layDown(folder, 'box');
  for (const part of ['state', 'disk', 'disk.layer', 'disk.empty'])
    writeFileSync(join(folder, part), 'of a later image');

  const open = image.openFiles();
  const others = image.openFiles();
  const contents = open.map((fd) => readFileSync(`/proc/self/fd/${fd}`, 'latin1').trim());
  t.same(
    contents,
    ['state', 'disk', 'disk.layer', 'disk.empty'].map((part) => `what is in ${part}`),
  );
  t.throws(() => writeSync(open[1]!, 'x'), { code: 'EBADF' }, 'what clones share cannot be written to');
  t.throws(() => writeSync(open[2]!, 'x'), { code: 'EBADF' });
  t.match(readlinkSync(`/proc/self/fd/${open[3]}`), /memfd:/, 'and what can is in memory');
  writeSync(open[3]!, 'x', 0);
  t.match(readFileSync(`/proc/self/fd/${others[3]}`, 'latin1'), /^what/, 'each for itself');
  for (const fd of [...open, ...others]) closeSync(fd);
});

t.test('an image that is damaged or of another QEMU is not loaded', async (t) => {
  const folder = t.testdir();
  const pool = new Pool({ budget: 1, clones: 1 });
  t.teardown(() => pool.close());
  for (const part of ['state', 'disk', 'disk.layer', 'disk.empty', 'memory']) {
    await layDown(folder, 'box');
    writeFileSync(join(folder, part), `what is on ${part}`.padEnd(4096));
    const message = new RegExp(`/${part}: damaged: its SHA-256 is`);
    await t.rejects(FrozenImage.load(folder, pool, QEMU), { name: 'ImageError', message }, part);
  }
  await layDown(folder, 'box');
  await t.rejects(FrozenImage.load(folder, pool, '8.0.0'), { name: 'ImageError', message: /was frozen by QEMU/ });
});
