import { execFileSync } from 'node:child_process';
import { closeSync, existsSync, fstatSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { copyLayer, createLayer, inspectDisk } from '../../../../src/farm/qemu/disk.js';

const MB = 2 ** 20;
const noTool = !existsSync('/usr/bin/qemu-img') && 'needs qemu-img: install the Debian package qemu-utils';

/** Makes disks with QEMU's own tool. */
function rig(t: Test) {
  const folder = t.testdir();
  return (name: string, ...options: string[]) => {
    const size = options.includes('-b') ? [] : [String(MB)];
    execFileSync('qemu-img', ['create', '-q', ...options, join(folder, name), ...size]);
    return join(folder, name);
  };
}

t.test('raw and qcow2 disks have their size', { skip: noTool }, async (t) => {
  const disk = rig(t);
  t.equal(await inspectDisk(disk('raw', '-f', 'raw'), 'raw'), MB);
  t.equal(await inspectDisk(disk('new', '-f', 'qcow2'), 'qcow2'), MB);
  t.equal(await inspectDisk(disk('old', '-f', 'qcow2', '-o', 'compat=0.10'), 'qcow2'), MB);
});

t.test('a disk that names other files, or is in another form, is refused', { skip: noTool }, async (t) => {
  const disk = rig(t);
  const raw = disk('raw', '-f', 'raw');
  const qcow2 = disk('qcow2', '-f', 'qcow2');
  const damaged = readFileSync(qcow2);
  damaged[79] = 2;
  writeFileSync(`${qcow2}-damaged`, damaged);
  damaged[7] = 9;
  writeFileSync(`${qcow2}-later`, damaged);
  const secret = ['--object', 'secret,id=key,data=abc'];
  const aes = ['-o', 'encrypt.format=luks,encrypt.key-secret=key,encrypt.iter-time=10'];
  const cases: [string, 'raw' | 'qcow2', RegExp][] = [
    [disk('over', '-f', 'qcow2', '-F', 'raw', '-b', raw), 'qcow2', /it lies on another file/],
    [disk('old', '-f', 'qcow2', '-F', 'raw', '-b', raw, '-o', 'compat=0.10'), 'qcow2', /it lies on another file/],
    [disk('apart', '-f', 'qcow2', '-o', `data_file=${raw}.data`), 'qcow2', /its data are in another file/],
    [disk('secret', ...secret, '-f', 'qcow2', ...aes), 'qcow2', /it is encrypted/],
    [`${qcow2}-damaged`, 'qcow2', /it is in use, damaged, or was not closed/],
    [`${qcow2}-later`, 'qcow2', /expected version 2 or 3 of qcow2, not 9/],
    [qcow2, 'raw', /expected a raw disk, as its recipe says, not qcow2; 'disk qcow2' in the recipe would say so/],
    [raw, 'qcow2', /expected a qcow2 disk, as its recipe says, not raw/],
    [join(raw, '..'), 'raw', /expected a file that is a disk/],
    [`${raw}-none`, 'raw', /cannot read the disk: ENOENT/],
  ];
  for (const form of ['vmdk', 'vdi', 'vhdx', 'qed', 'vpc'])
    cases.push([disk(form, '-f', form), 'raw', /expected a raw disk, as its recipe says, not v|q.*qemu-img convert/]);
  for (const [path, form, message] of cases)
    await t.rejects(inspectDisk(path, form), { name: 'ImageError', message }, `${path} as ${form}`);
});

t.test('a raw disk has whole sectors', async (t) => {
  const folder = t.testdir({ empty: '', odd: 'x'.repeat(700) });
  await t.rejects(inspectDisk(join(folder, 'empty'), 'raw'), { message: /expected whole sectors, not 0 bytes/ });
  await t.rejects(inspectDisk(join(folder, 'odd'), 'raw'), { message: /expected whole sectors, not 700 bytes/ });
});

t.test('each clone has a layer of its own, in memory', { skip: noTool }, async (t) => {
  const layer = join(t.testdir(), 'layer');
  await createLayer(layer, 64 * MB);
  t.equal(await inspectDisk(layer, 'qcow2'), 64 * MB);
  const empty = readFileSync(layer);
  t.ok(empty.length < 64 * 1024, `an empty one is small: ${empty.length}`);
  const [one, two] = [copyLayer(layer), copyLayer(layer)];
  t.not(fstatSync(one).ino, fstatSync(two).ino);
  for (const fd of [one, two]) {
    t.ok(readFileSync(`/proc/self/fd/${fd}`).equals(empty));
    t.equal(fstatSync(fd).nlink, 0, 'nobody else can open it');
    closeSync(fd);
  }
  await t.rejects(createLayer(join(layer, 'x'), MB), { name: 'ImageError', message: /qemu-img: / });
});
