import { closeSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { ImageError, type Manifest, readManifest, smallFiles, verifyFile } from '../image/manifest.js';
import type { Pool, ReferenceImage } from '../pool.js';
import { copyLayer } from './disk.js';
import { checkVersion } from './version.js';

/** A frozen image that is ready to be cloned: its memory lies in a sealed memory file. */
export class FrozenImage {
  readonly manifest: Manifest;
  readonly memory: ReferenceImage;
  private readonly folder: string;

  private constructor(manifest: Manifest, memory: ReferenceImage, folder: string) {
    this.manifest = manifest;
    this.memory = memory;
    this.folder = folder;
  }

  /** @throws {ImageError} if the image is damaged or was frozen by another QEMU. */
  static async load(folder: string, pool: Pool, qemu: string): Promise<FrozenImage> {
    const manifest = await readManifest(folder);
    checkVersion(manifest, qemu);
    for (const file of smallFiles(manifest)) await verifyFile(folder, file);
    // What counts of the memory is what was loaded, so that is what is verified.
    const path = join(folder, manifest.memory.name);
    const memory = await pool.loadImage(path);
    const found = (await memory.digest()).toString('hex');
    if (found !== manifest.memory.sha256) {
      throw new ImageError(`${path}: damaged: its SHA-256 is ${found}, not ${manifest.memory.sha256}`);
    }
    return new FrozenImage(manifest, memory, folder);
  }

  /** Opens what a clone inherits beside its memory, monitor, port and NIC: see FD. The caller closes them. */
  openFiles(): number[] {
    const { state, stub, disks } = this.manifest;
    const names = [state.name, ...(stub ? [stub.name, stub.name] : []), ...disks.map(({ name }) => name)];
    // The last layer of the disk is an empty one, of which each clone gets a copy.
    const top = names.length - 1;
    const open: number[] = [];
    try {
      names.forEach((name, i) => {
        const path = join(this.folder, name);
        open.push(disks.length > 0 && i === top ? copyLayer(path) : openSync(path, 'r'));
      });
    } catch (error) {
      for (const fd of open) closeSync(fd);
      throw error;
    }
    return open;
  }
}
