/** Real QEMU processes in jails, of a machine that is frozen as soon as it is switched on. */
import { closeSync, existsSync, openSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import type { Manifest } from '../../src/farm/image/manifest.js';
import { Pool, type ReferenceImage } from '../../src/farm/pool.js';
import { type Hardware, QEMU, referenceArguments, shownToQemu } from '../../src/farm/qemu/command-line.js';
import type { FrozenImage } from '../../src/farm/qemu/frozen-image.js';
import { Launcher } from '../../src/farm/qemu/launcher.js';
import { Machine } from '../../src/farm/qemu/machine.js';
import { MachineWorkshop } from '../../src/farm/qemu/workshop.js';
import { childrenOf, groupsOf, launchersOf, namespacesOf, noJails, openFiles, runs, statusOf, until } from './jail.js';

const MEGABYTE = 2 ** 20;
const hardware: Hardware = {
  ...{ memory: 64 * MEGABYTE, machine: 'pc', cpu: 'qemu64', nic: 'e1000', smbios: [] },
  ...{ accelerator: 'tcg', kernel: false, bus: 'ide', vga: 'none', disks: [] },
};
const limits = { memory: 512 * MEGABYTE, fileBytes: 2 ** 30 };

/** Switches a machine on, and freezes it. */
async function freeze(t: Test, folder: string): Promise<FrozenImage> {
  const pool = new Pool({ budget: 1, clones: 1 });
  t.teardown(() => pool.close());
  const memory: ReferenceImage = pool.createImage(hardware.memory);
  const path = join(folder, 'state');
  const state = openSync(path, 'w');
  const launcher = await Launcher.start({ shown: shownToQemu('tcg'), slots: 1 });
  try {
    const argv = [QEMU, ...referenceArguments(hardware, ''), '-S'];
    const machine = await Machine.start(launcher, {
      ...{ id: 1, slot: 0, image: 0, argv, memory, files: [state], limits },
    });
    t.match(await machine.qmp.execute('query-status'), { running: false, status: 'prelaunch' }, 'it answers');
    t.equal(statusOf(machine.pid, 'Seccomp'), '2', "QEMU's own filter of system calls is in force");
    t.equal(statusOf(machine.pid, 'NoNewPrivs'), '1');
    t.equal(statusOf(machine.pid, 'CapEff'), '0000000000000000');
    t.equal(statusOf(machine.pid, 'NSpid').split('\t').at(-1), '1');
    t.same(childrenOf(machine.pid), []);
    await machine.run();
    await machine.pause();
    await machine.save(state);
    machine.kill();
    t.equal(await machine.ended, 'killed by SIGKILL');
  } finally {
    await launcher.close();
    closeSync(state);
  }
  memory.seal();
  const manifest: Partial<Manifest> = {
    ...{ name: 'off', hardware, disks: [], address: { address: 0x0a630402, gateway: 0x0a630401, length: 24 } },
  };
  // What a workshop uses of an image.
  const image: Pick<FrozenImage, 'memory' | 'openFiles'> & { manifest: Partial<Manifest> } = {
    ...{ manifest, memory, openFiles: () => [openSync(path, 'r')] },
  };
  return image as FrozenImage;
}

/** A workshop for two machines. It is closed at the end of the test. */
async function workshopFor(t: Test, image: FrozenImage) {
  const ends: string[] = [];
  const workshop = new MachineWorkshop([image], {
    ...{ machines: 2, overhead: 256 * MEGABYTE, disk: 0 },
    onEnd: (_machine, reason) => void ends.push(reason),
    onFailure: (_image, reason) => t.fail(reason),
  });
  await workshop.open();
  t.teardown(() => workshop.close());
  t.comment(workshop.limits);
  return { workshop, ends };
}

const noMachines =
  noJails || (existsSync(QEMU) ? false : `${QEMU} is missing: install the Debian package qemu-system-x86`);

t.test('QEMU', { skip: noMachines }, async (t) => {
  const image = await freeze(t, t.testdir({}));

  t.test('a machine that dies frees its slot, and leaves the other', async (t) => {
    const { workshop, ends } = await workshopFor(t, image);
    const [first, second] = [await workshop.start(0), await workshop.start(0)];
    t.equal(new Set([first, second].flatMap(({ pid }) => namespacesOf(pid))).size, 12);
    await t.rejects(workshop.start(0), { message: 'all 2 machines run' });
    process.kill(first.pid, 'SIGKILL');
    t.equal(await first.ended, 'killed by SIGKILL');
    const third = await workshop.start(0);
    t.equal(third.slot, first.slot);
    workshop.discard(third);
    t.equal(await third.ended, 'killed by SIGKILL');
    t.match(await second.qmp.execute('query-status'), { status: 'paused' });
    t.same(ends, ['killed by SIGKILL', 'killed by SIGKILL']);
    t.equal(workshop.count, 1);
  });

  t.test('one that cannot start says why, and costs nothing', async (t) => {
    const manifest = { ...image.manifest, hardware: { ...hardware, cpu: 'nothing' } };
    const { workshop, ends } = await workshopFor(t, { ...image, manifest } as FrozenImage);
    const reason = /ended with status 1: .*unable to find CPU model 'nothing'/;
    await t.rejects(workshop.start(0), { message: reason });
    const files = openFiles();
    for (let i = 0; i < 4; i++) await t.rejects(workshop.start(0), { message: reason });
    await until('no descriptor is left', () => openFiles() === files);
    t.equal(workshop.count, 0);
    t.equal(ends.length, 5);
  });

  t.test('another launcher takes the place of one that was killed', async (t) => {
    const { workshop, ends } = await workshopFor(t, image);
    const machines = [await workshop.start(0), await workshop.start(0)];
    const groups = groupsOf(process.pid);
    process.kill(launchersOf(process.pid)[0]!.server, 'SIGKILL');
    for (const { pid, ended } of machines) {
      t.match(await ended, /^the launcher of machines has ended/);
      t.notOk(runs(pid));
    }
    t.equal(ends.length, 2);
    for (const { qmp } of await Promise.all([workshop.start(0), workshop.start(0)]))
      t.match(await qmp.execute('query-status'), { status: 'paused' });
    t.same(
      groups.filter((folder) => groupsOf(process.pid).includes(folder)),
      [],
    );
    t.equal(launchersOf(process.pid).length, 1);
  });
});
