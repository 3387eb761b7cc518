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
  /** Its files beside the memory: those that were verified, though others come to stand at their paths. */
  private readonly files: readonly number[];

  private constructor(manifest: Manifest, memory: ReferenceImage, files: readonly number[]) {
    this.manifest = manifest;
    this.memory = memory;
    this.files = files;
  }

  /** @throws {ImageError} if the image is damaged or was frozen by another QEMU. */
  static async load(folder: string, pool: Pool, qemu: string): Promise<FrozenImage> {
    const manifest = await readManifest(folder);
    checkVersion(manifest, qemu);
    const files: number[] = [];
    try {
      for (const file of smallFiles(manifest)) {
        await verifyFile(folder, file);
        files.push(openSync(join(folder, file.name), 'r'));
      }
      // What counts of the memory is what was loaded, so that is what is verified.
      const path = join(folder, manifest.memory.name);
      const memory = await pool.loadImage(path);
      const found = (await memory.digest()).toString('hex');
      if (found !== manifest.memory.sha256) {
        throw new ImageError(`${path}: damaged: its SHA-256 is ${found}, not ${manifest.memory.sha256}`);
      }
      return new FrozenImage(manifest, memory, files);
    } catch (error) {
      for (const fd of files) closeSync(fd);
      throw error;
    }
  }

  close(): void {
    for (const fd of this.files) closeSync(fd);
  }

  /** Opens what a clone inherits beside its memory, monitor, port and NIC: see FD. The caller closes them. */
  openFiles(): number[] {
    const { stub, disks } = this.manifest;
    // Opened once more, since a position in a file is for one machine only.
    const [state, ...rest] = this.files.map((fd) => `/proc/self/fd/${fd}`);
    // The stub stands for the kernel and for the initramfs. The last layer of the disk is an empty one, of which each clone
    // gets a copy.
    const paths = [state!, ...(stub ? [rest[0]!] : []), ...rest];
    const top = disks.length > 0 ? paths.length - 1 : paths.length;
    const open: number[] = [];
    try {
      paths.forEach((path, i) => {
        open.push(i === top ? copyLayer(path) : openSync(path, 'r'));
      });
    } catch (error) {
      for (const fd of open) closeSync(fd);
      throw error;
    }
    return open;
  }
}
