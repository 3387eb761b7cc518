import { appendFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { ImageStore } from '../../../../src/farm/image/store.js';
import { layDown, QEMU } from './files.js';

t.test('images are the folders with names of images', async (t) => {
  const state = t.testdir();
  const store = new ImageStore(state);
  t.same(await store.names(), []);
  await layDown(store.path('xp'), 'xp');
  mkdirSync(store.path('broken'));
  mkdirSync(join(store.folder, '.xp-abc'));
  writeFileSync(join(store.folder, 'file'), '');
  t.same(await store.names(), ['broken', 'xp'], 'frozen or not, but no folder that is being filled');
  for (const name of ['', '.', '..', '../xp', 'a/b', '-x', 'x'.repeat(64)])
    t.throws(() => store.path(name), { name: 'ImageError', message: /expected an image's name/ }, name);
});

t.test('all of an image is verified', async (t) => {
  const store = new ImageStore(t.testdir());
  for (const part of ['disk', 'disk.layer', 'disk.empty', 'memory', 'state', 'recipe']) {
    await layDown(store.path('box'), 'box');
    t.match(await store.verify('box', QEMU), { name: 'box' });
    appendFileSync(join(store.path('box'), part), '!');
    const message = part === 'recipe' ? /its recipe, or what it boots from/ : new RegExp(`/${part}: expected`);
    await t.rejects(store.verify('box', QEMU), { name: 'ImageError', message }, part);
  }
  await layDown(store.path('box'), 'box');
  await t.rejects(store.verify('box', '8.0.0'), { message: /was frozen by QEMU/ });
});

t.test('an image is removed, and one that is not there is not', async (t) => {
  const store = new ImageStore(t.testdir());
  await layDown(store.path('box'), 'box');
  await store.remove('box');
  t.same(await store.names(), []);
  await t.rejects(store.remove('box'), { name: 'ImageError', message: /there is no image here/ });
});
