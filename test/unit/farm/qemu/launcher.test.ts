import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import t from 'tap';
import { Launcher, PROGRAM } from '../../../../src/farm/qemu/launcher.js';

const module = new URL('../../../../src/farm/qemu/launcher.js', import.meta.url).href;
const start = `
const { Launcher } = await import('${module}');
await Launcher.start({ shown: { data: [], programs: [], devices: [] }, slots: 1 }).catch((error) => console.log(error.message));
`;

t.test('a build without the launcher says what to do', async (t) => {
  const build = mkdtempSync(join(dirname(PROGRAM), 'without-launcher-'));
  t.teardown(() => rmSync(build, { recursive: true }));
  symlinkSync(join(dirname(PROGRAM), 'potemkin.node'), join(build, 'potemkin.node'));
  const where = `${process.env.POTEMKIN_BUILD ?? 'Release'}/${basename(build)}`;
  const { stdout } = spawnSync(process.execPath, ['--input-type=module', '-e', start], {
    ...{ encoding: 'utf8', env: { ...process.env, POTEMKIN_BUILD: where } },
  });
  t.equal(stdout.trim(), `${join(build, 'potemkin-launcher')} is missing; build it with \`npm run setup\``);
});

const asRoot = { skip: process.getuid?.() === 0 ? false : 'needs root: machines can be jailed by nobody else' };

t.test('why there can be no jails is told', asRoot, async (t) => {
  const shown = { data: [], programs: [], devices: ['/dev/nothing'] };
  await t.rejects(Launcher.start({ shown, slots: 1 }), {
    message: 'the launcher of machines has ended: looking for /dev/nothing: No such file or directory',
  });
  await t.rejects(Launcher.start({ shown: { ...shown, devices: ['/dev'] }, slots: 1 }), {
    message: 'the launcher of machines has ended: /dev is no character device: No such device',
  });
  await t.rejects(Launcher.start({ shown: { ...shown, data: ['here'] }, slots: 1 }), {
    message: 'the launcher of machines has ended: expected NAME=/PATH, got data=here: Invalid argument',
  });
  await t.rejects(Launcher.start({ shown, slots: 100_000 }), {
    message: 'the launcher of machines has ended: expected at most 32768 slots, got 100000: Invalid argument',
  });
});
