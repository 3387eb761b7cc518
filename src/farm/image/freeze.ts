import { closeSync, openSync } from 'node:fs';
import { type FileHandle, open, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { CHUNK, PAGE_SIZE } from '../page-window.js';
import { Pool, type ReferenceImage } from '../pool.js';
import type { Accelerator } from '../qemu/accelerator.js';
import { type Hardware, QEMU, referenceArguments, shownToQemu } from '../qemu/command-line.js';
import { createLayer, inspectDisk } from '../qemu/disk.js';
import { Launcher } from '../qemu/launcher.js';
import { Machine } from '../qemu/machine.js';
import { MAILBOX } from '../qemu/mailbox.js';
import { Nursery } from '../qemu/nursery.js';
import { frozenPlace, giveBack, practise, type Role } from '../qemu/rehearsal.js';
import { processor, qemuVersion } from '../qemu/version.js';
import { describeFile, ImageError, type Manifest, writeManifest } from './manifest.js';
import { commandLine, parseRecipe, type Recipe } from './recipe.js';
import { digestSources, FILES, sourcesIn } from './source.js';
import { tryImage } from './trial.js';

/** Memory of the process beyond the guest's own, while it boots. */
const OVERHEAD = 512 * 2 ** 20;
/** Milliseconds: for an agent to be there after the machine is, between two looks, and for the machine to come to rest. */
const AGENT = 30_000;
const LOOK = 200;
const REST = 2000;
/** Zeros that are left out of the memory's file. */
const HOLE = 64 * 1024;

/** Tells what is done, a line each. */
export type Say = (line: string) => void;

/**
 * Boots the machine that lies in a folder (its recipe, and what it boots from), waits until it is ready, and freezes it:
 * memory, devices and disk in one pause. Then a clone of it is tried, so that an image that is there is one that works.
 * @throws {ImageError} that says what went wrong; the folder holds no image then.
 */
export async function freeze(folder: string, name: string, accelerator: Accelerator, say: Say): Promise<Manifest> {
  const file = (part: string) => join(folder, part);
  const recipe = parseRecipe(await readFile(file(FILES.recipe), 'utf8'), file(FILES.recipe));
  const qemu = await qemuVersion();
  const kernel = recipe.linux !== undefined;
  const { memory: bytes, machine, cpu, nic, vga, disk, bus, smbios, address, files, warm, identity } = recipe;
  if (disk) {
    const size = await inspectDisk(file(FILES.disk), disk);
    for (const layer of [FILES.layer, FILES.empty]) await createLayer(file(layer), size);
  }
  const hardware: Hardware = {
    ...{ memory: bytes, machine, cpu, nic, vga, bus, smbios, accelerator, kernel },
    disks: disk ? [disk, 'qcow2', 'qcow2'] : [],
  };

  const pool = new Pool({ budget: 1, clones: 1 });
  try {
    const memory = pool.createImage(bytes);
    const role = { name, address, files, warm };
    const mailbox = await bootAndSave(
      folder,
      recipe,
      { ...hardware, disks: hardware.disks.slice(0, 2) },
      memory,
      role,
      say,
    );
    memory.seal();
    say('writing its memory');
    await saveMemory(memory, file(FILES.memory));
    if (kernel) await writeFile(file(FILES.stub), stubOf(await readFile(file(FILES.kernel))), { mode: 0o644 });
    const describe = (part: string) => describeFile(folder, part);
    const manifest: Manifest = {
      ...{
        name,
        frozen: new Date().toISOString(),
        source: await digestSources(sourcesIn(folder)),
        qemu,
        processor: processor(),
      },
      ...{ hardware, identity, address, files, warm, mailbox },
      memory: await describe(FILES.memory),
      state: await describe(FILES.state),
      disks: disk ? await Promise.all([FILES.disk, FILES.layer, FILES.empty].map(describe)) : [],
      stub: kernel ? await describe(FILES.stub) : undefined,
      baseline: { delta: 0 },
    };
    await writeManifest(folder, manifest);
  } finally {
    pool.close();
  }
  say('trying a clone');
  return await tryImage(folder);
}

/** Runs the reference machine from its boot to its end. @returns where its agent's mailbox is. */
async function bootAndSave(
  folder: string,
  recipe: Recipe,
  hardware: Hardware,
  memory: ReferenceImage,
  role: Omit<Role, 'mailbox'>,
  say: Say,
): Promise<number | undefined> {
  const shown = shownToQemu(hardware.accelerator);
  const launcher = await Launcher.start({ shown, slots: 1 });
  const nursery = new Nursery();
  const boot = hardware.kernel ? [FILES.kernel, FILES.initramfs] : [];
  const state = openSync(join(folder, FILES.state), 'w', 0o600);
  // A reference has nothing to be restored from, but what comes behind has its number.
  const open = [
    state,
    ...boot.map((part) => openSync(join(folder, part), 'r')),
    ...hardware.disks.map((_, i) => openSync(join(folder, i === 0 ? FILES.disk : FILES.layer), i === 0 ? 'r' : 'r+')),
  ];
  try {
    const argv = [QEMU, ...referenceArguments(hardware, commandLine(recipe))];
    const limits = { memory: hardware.memory + OVERHEAD, fileBytes: Number.MAX_SAFE_INTEGER };
    const machine = await Machine.start(launcher, { id: 1, slot: 0, image: 0, argv, memory, files: open, limits });
    try {
      nursery.admit(machine.id, machine.takeNic(), frozenPlace(role));
      say(`booting under ${hardware.accelerator}`);
      const failed = machine.ended.then((reason) => {
        throw new ImageError(`the machine ended: ${reason}`);
      });
      const done = prepareAndSave(machine, state, recipe, memory, role, nursery, say);
      return await Promise.race([done, failed]);
    } finally {
      machine.kill();
    }
  } finally {
    nursery.close();
    await launcher.close();
    for (const fd of open) closeSync(fd);
  }
}

async function prepareAndSave(
  machine: Machine,
  state: number,
  recipe: Recipe,
  memory: ReferenceImage,
  role: Omit<Role, 'mailbox'>,
  nursery: Nursery,
  say: Say,
): Promise<number | undefined> {
  await isReady(machine, recipe, nursery, say);
  const mailbox = recipe.identity === 'agent' ? await findMailbox(memory) : undefined;
  say('practising what its clones will do');
  await practise(machine, { ...role, mailbox }, nursery);
  await giveBack(machine, { ...role, mailbox }, nursery);
  await setTimeout(REST);
  say('freezing');
  await machine.pause();
  await machine.save(state);
  return mailbox;
}

/** Waits for what the recipe says a machine that is ready does. */
async function isReady(machine: Machine, { ready, timeout }: Recipe, nursery: Nursery, say: Say): Promise<void> {
  const until = performance.now() + timeout * 1000;
  let last = '';
  const text = new Promise<void>((resolve) => {
    machine.serial.listen((line) => {
      last = line;
      say(`  | ${line}`);
      if (ready.kind === 'console' && line.includes(ready.text)) resolve();
    });
  });
  const inTime = async () => {
    if (ready.kind === 'after') await setTimeout(ready.seconds * 1000);
    else if (ready.kind === 'console') await text;
    else while ((await nursery.knock(machine.id, ready.port, 1000)) !== 'open') await setTimeout(LOOK);
    return true;
  };
  const clock = new AbortController();
  const late = setTimeout(until - performance.now(), false, { signal: clock.signal }).catch(() => false);
  const done = await Promise.race([inTime(), late]);
  clock.abort();
  machine.serial.listen(() => {});
  if (!done) throw new ImageError(`not ready in ${timeout} s; the last line on its console: ${JSON.stringify(last)}`);
}

/** Looks for the page that an agent keeps for us. */
async function findMailbox(memory: ReferenceImage): Promise<number> {
  const chunk = Buffer.alloc(CHUNK);
  for (const since = performance.now(); performance.now() - since < AGENT; await setTimeout(LOOK)) {
    for (let at = 0; at < memory.size; at += CHUNK) {
      const part = chunk.subarray(0, Math.min(CHUNK, memory.size - at));
      memory.read(at, part);
      for (let page = 0; page < part.length; page += PAGE_SIZE) {
        if (part.subarray(page, page + MAILBOX.length).equals(MAILBOX)) return at + page;
      }
    }
  }
  throw new ImageError(`no agent was there ${AGENT / 1000} s after the machine was ready; see guest/agent`);
}

/** Writes a memory into a file. Zeros become holes. */
async function saveMemory(memory: ReferenceImage, path: string): Promise<void> {
  const file: FileHandle = await open(path, 'w', 0o600);
  try {
    await file.truncate(memory.size);
    const chunk = Buffer.alloc(CHUNK);
    const zeros = Buffer.alloc(HOLE);
    for (let at = 0; at < memory.size; at += CHUNK) {
      const part = chunk.subarray(0, Math.min(CHUNK, memory.size - at));
      memory.read(at, part);
      for (let from = 0; from < part.length; from += HOLE) {
        const piece = part.subarray(from, from + HOLE);
        if (!piece.equals(zeros.subarray(0, piece.length))) await file.write(piece, 0, piece.length, at + from);
      }
    }
    await file.datasync();
  } finally {
    await file.close();
  }
}

/**
 * The first sectors of a Linux kernel, which are all that QEMU looks at (Documentation/x86/boot.rst). A clone has its
 * kernel in memory already; with the whole file, each process would keep 8 MB of it for a boot that never comes.
 */
function stubOf(kernel: Buffer): Buffer {
  const sectors = (kernel[SETUP_SECTORS] || 4) + 1;
  return kernel.subarray(0, (sectors + 1) * SECTOR);
}

const SETUP_SECTORS = 0x1f1;
const SECTOR = 512;
