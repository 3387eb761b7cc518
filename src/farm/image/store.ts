import { mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { ImageError, type Manifest, readManifest, smallFiles, verifyFile } from './manifest.js';

const NAME = /^[a-z0-9][a-z0-9._-]{0,62}$/i;

/** The frozen images of a machine: a folder each. */
export class ImageStore {
  readonly folder: string;

  /** @param state the folder of all state; images are in its `images`. */
  constructor(state: string) {
    this.folder = join(state, 'images');
  }

  /** @throws {ImageError} if this can be no image's name. */
  path(name: string): string {
    if (!NAME.test(name)) throw new ImageError(`expected an image's name (letters, digits, . _ -), not '${name}'`);
    return join(this.folder, name);
  }

  /** Names of images, frozen or damaged, in order. */
  async names(): Promise<string[]> {
    await mkdir(this.folder, { recursive: true, mode: 0o700 });
    const entries = await readdir(this.folder, { withFileTypes: true });
    return entries
      .filter((entry) => entry.isDirectory() && NAME.test(entry.name))
      .map(({ name }) => name)
      .sort();
  }

  /** @throws {ImageError} */
  read(name: string): Promise<Manifest> {
    return readManifest(this.path(name));
  }

  /** Reads all of an image. @throws {ImageError} that says what is wrong with it. */
  async verify(name: string): Promise<Manifest> {
    const manifest = await this.read(name);
    for (const file of [...smallFiles(manifest), manifest.memory]) await verifyFile(this.path(name), file);
    return manifest;
  }

  async remove(name: string): Promise<void> {
    await rm(this.path(name), { recursive: true });
  }
}
