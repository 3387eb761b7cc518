import { readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import {
  describeFile,
  ImageError,
  readManifest,
  smallFiles,
  verifyFile,
  writeManifest,
} from '../../../../src/farm/image/manifest.js';
import { checkVersion } from '../../../../src/farm/qemu/version.js';
import { layDown, QEMU } from './files.js';

t.test('a manifest is read as it was written', async (t) => {
  const folder = t.testdir();
  const manifest = await layDown(folder, 'box');
  const { mailbox: _, stub: __, ...rest } = manifest;
  t.same(await readManifest(folder), rest);
  t.same(
    smallFiles(manifest).map(({ name }) => name),
    ['state', 'disk', 'disk.layer', 'disk.empty'],
  );
});

t.test('one that is missing, broken, changed or of another form is refused', async (t) => {
  const folder = t.testdir();
  await t.rejects(readManifest(folder), { name: 'ImageError', message: /there is no frozen image here/ });
  await layDown(folder, 'box');
  const path = join(folder, 'manifest.json');
  const text = readFileSync(path, 'utf8');
  const refused = async (changed: string, message: RegExp) => {
    writeFileSync(path, changed);
    await t.rejects(readManifest(folder), { name: 'ImageError', message });
  };
  await refused(text.slice(0, -10), /manifest\.json: damaged/);
  await refused('null', /expected format 1, found undefined/);
  await refused(text.replace('"translate"', '"agent"'), /manifest\.json: damaged: its digest is another/);
  await refused(text.replace('"format": 1', '"format": 0'), /expected format 1, found 0; freeze the image again/);
});

t.test('a file is held against its description', async (t) => {
  const folder = t.testdir({ disk: 'what is in it' });
  const file = await describeFile(folder, 'disk');
  await verifyFile(folder, file);
  writeFileSync(join(folder, 'disk'), 'what is on it');
  await t.rejects(verifyFile(folder, file), new ImageError(/disk: damaged: its SHA-256 is/.source), 'one letter');
  truncateSync(join(folder, 'disk'), 4);
  await t.rejects(verifyFile(folder, file), { message: /disk: expected 13 bytes, found 4/ });
  rmSync(join(folder, 'disk'));
  await t.rejects(verifyFile(folder, file), { message: /disk: the file is missing/ });
});

t.test('only the QEMU that froze it restores it, and under KVM only on the same processor', async (t) => {
  const manifest = await layDown(t.testdir(), 'box');
  checkVersion(manifest, QEMU);
  t.throws(() => checkVersion(manifest, '8.0.0'), {
    name: 'ImageError',
    message: `image box was frozen by QEMU ${QEMU}, and this is 8.0.0; freeze it again`,
  });
  const kvm = { ...manifest, hardware: { ...manifest.hardware, accelerator: 'kvm' as const } };
  t.throws(() => checkVersion(kvm, QEMU), { message: /was frozen on a a processor, and this is / });
});

t.test('nothing of a manifest gets lost when it is written again', async (t) => {
  const folder = t.testdir();
  const manifest = { ...(await layDown(folder, 'box')), mailbox: 4096 };
  await writeManifest(folder, manifest);
  t.match(await readManifest(folder), { mailbox: 4096, baseline: { delta: 4096 } });
});
