import { setTimeout } from 'node:timers/promises';
import { writeReport } from '../capture-record.js';
import { Pool } from '../pool.js';
import { FrozenImage } from '../qemu/frozen-image.js';
import { frozenPlace, identityLetter } from '../qemu/rehearsal.js';
import { askReport } from '../qemu/report.js';
import { qemuVersion } from '../qemu/version.js';
import { MachineWorkshop } from '../qemu/workshop.js';
import { ImageError, type Manifest, writeManifest } from './manifest.js';

/** Milliseconds that the trial's clone is left alone, to see what it does by itself. */
const ALONE = 5000;
/** Milliseconds for it to take on its identity. */
const IDENTITY = 5000;
/** Milliseconds for a port to answer. */
const KNOCK = 2000;

/**
 * Makes one clone of the image in a folder and notes in its manifest what the clone does by itself.
 * @throws {ImageError} if no clone can be made
 */
export async function tryImage(folder: string): Promise<Manifest> {
  const pool = new Pool({ budget: 1, clones: 1 });
  let failure: string | undefined;
  let image: FrozenImage | undefined;
  try {
    image = await FrozenImage.load(folder, pool, await qemuVersion());
    const { manifest } = image;
    const workshop = new MachineWorkshop([image], {
      machines: 1,
      overhead: OVERHEAD,
      disk: DISK,
      onEnd: (_machine, reason) => {
        failure = reason;
      },
      onFailure: () => {},
    });
    await workshop.open();
    try {
      const machine = await workshop.start(0);
      await workshop.prepare(machine);
      const place = frozenPlace(manifest);
      if (manifest.mailbox !== undefined) {
        workshop.nursery.move(machine.id, place);
        const announced = workshop.nursery.announced(machine.id, IDENTITY);
        machine.post(manifest.mailbox, identityLetter(manifest, { ...place, hostname: manifest.name }, place, true));
        await machine.run();
        if (!(await announced)) throw new Error('it takes on no identity');
      } else await machine.run();
      await setTimeout(ALONE);
      const report = manifest.mailbox === undefined ? {} : { report: writeReport(await askReport(machine)) };
      const tried = { ...manifest, baseline: { delta: machine.memory.delta(), ...report } };
      for (const port of manifest.warm) {
        const answer = await workshop.nursery.knock(machine.id, port, KNOCK);
        if (answer !== 'open') throw new Error(`its port ${port} is ${answer}`);
      }
      await writeManifest(folder, tried);
      return tried;
    } finally {
      await workshop.close();
    }
  } catch (error) {
    throw new ImageError(`no clone can be made of it: ${failure ?? (error as Error).message}`);
  } finally {
    image?.close();
    pool.close();
  }
}

/** Memory of the clone's process beyond its image. */
const OVERHEAD = 256 * 2 ** 20;
/** What it may write to its disk. */
const DISK = 256 * 2 ** 20;
