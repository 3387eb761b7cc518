import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { buildInitramfs } from '../../../../src/farm/image/build.js';
import { parseRecipe } from '../../../../src/farm/image/recipe.js';

const file = 'config/images/linux.recipe';
const recipe = parseRecipe(readFileSync(file, 'utf8'), file);
const skip = existsSync('.cache/guest/packages/busybox-static.deb')
  ? false
  : 'there are no packages for guests: run scripts/guest/packages';
if (skip) console.error(`SKIPPED: packing an initramfs: ${skip}`);

const digest = (path: string) => createHash('sha256').update(readFileSync(path)).digest('hex');

t.test('the same sources give the same bytes', { skip }, async (t) => {
  const folder = t.testdir({});
  const said: string[] = [];
  const cached = await buildInitramfs(recipe, { progress: (line) => said.push(line) });
  t.equal(said.length, 3, 'it says what it does');
  t.match(await buildInitramfs(recipe), cached, 'it is packed once');

  // Elsewhere, later, and by somebody who lets nobody read what he writes.
  const umask = process.umask(0o077);
  const again = await buildInitramfs(recipe, { out: join(folder, 'initramfs') }).finally(() => process.umask(umask));
  t.equal(again.kernel, cached.kernel);
  t.equal(digest(again.initramfs), digest(cached.initramfs));
});

t.test('what cannot be built', async (t) => {
  await t.rejects(buildInitramfs({ ...recipe, linux: undefined }), { message: /boots from its disk/ });
  const linux = { initramfs: 'nobody', append: '' };
  await t.rejects(buildInitramfs({ ...recipe, linux }), { message: /^cannot pack an initramfs: .*nobody/ }, { skip });
});
