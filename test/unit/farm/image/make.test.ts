import { chmodSync, existsSync, readdirSync, readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { buildImage, freezeImage, importImage } from '../../../../src/farm/image/make.js';
import { ImageStore } from '../../../../src/farm/image/store.js';
import { layDown, recipe } from './files.js';

function rig(t: Test) {
  const folder = t.testdir({ 'raw.recipe': recipe('raw'), 'qcow2.recipe': recipe('qcow2') });
  const store = new ImageStore(join(folder, 'state'));
  const disk = join(folder, 'disk');
  writeFileSync(disk, 'begins with this');
  truncateSync(disk, 2 ** 20);
  const said: string[] = [];
  const take = (form: string, from = disk) =>
    importImage(store, 'box', join(folder, `${form}.recipe`), from, (line) => said.push(line));
  return { folder, store, disk, said, take };
}

t.test('a disk is copied, and the copy belongs to nobody else', async (t) => {
  const { store, disk, said, take } = rig(t);
  await take('raw');
  const copy = join(store.path('box'), 'disk');
  t.ok(readFileSync(copy).equals(readFileSync(disk)));
  t.ok(statSync(copy).blocks * 512 < 2 ** 20, 'what is zero is a hole');
  t.equal(statSync(store.folder).mode & 0o777, 0o700);
  t.same(said, [`copying ${disk}, a raw disk of 1 MiB`]);
});

t.test('an image stays if another cannot take its place', async (t) => {
  const { folder, store, take } = rig(t);
  await layDown(store.path('box'), 'box');
  await t.rejects(take('qcow2'), { name: 'ImageError', message: /expected a qcow2 disk/ });
  await t.rejects(take('raw', join(folder, 'none')), { name: 'ImageError', message: /ENOENT/ });
  t.same(readdirSync(store.folder), ['box'], 'nothing is left over');
  t.ok(existsSync(join(store.path('box'), 'manifest.json')));
  await take('raw');
  t.same(readdirSync(store.path('box')).sort(), ['disk', 'recipe'], 'an import is not frozen yet');
});

t.test('import is for recipes with a disk, build for those without', async (t) => {
  const { folder, store, disk } = rig(t);
  const linux = join(folder, 'linux.recipe');
  writeFileSync(linux, recipe('raw').replace('disk raw', 'kernel debian\ninitramfs linux'));
  const say = () => {};
  await t.rejects(importImage(store, 'box', linux, disk, say), { message: /there is no disk in this recipe/ });
  await t.rejects(buildImage(store, 'box', join(folder, 'raw.recipe'), say), { message: /use potemkin image import/ });
  await t.rejects(freezeImage(store, 'box', say), { message: /there is no image to freeze/ });
});

t.test(
  'a disk that cannot be read says why',
  { skip: process.getuid?.() === 0 && 'root reads everything' },
  async (t) => {
    const { disk, take } = rig(t);
    chmodSync(disk, 0);
    await t.rejects(take('raw'), { message: /cannot read the disk: EACCES/ });
  },
);
