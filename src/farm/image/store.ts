import { existsSync } from 'node:fs';
import { mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { checkVersion } from '../qemu/version.js';
import { ImageError, type Manifest, readManifest, smallFiles, verifyFile } from './manifest.js';
import { digestSources, sourcesIn } from './source.js';

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

  /**
   * Reads all of an image.
   * @param qemu the version of QEMU that is to restore it
   * @throws {ImageError} that says what is wrong with it
   */
  async verify(name: string, qemu: string): Promise<Manifest> {
    const folder = this.path(name);
    const manifest = await this.read(name);
    checkVersion(manifest, qemu);
    for (const file of [...smallFiles(manifest), manifest.memory]) await verifyFile(folder, file);
    const source = await digestSources(sourcesIn(folder));
    if (source !== manifest.source)
      throw new ImageError(
        `${folder}: its recipe, or what it boots from, is not what it was frozen from; freeze it again`,
      );
    return manifest;
  }

  /** @throws {ImageError} if there is none. */
  async remove(name: string): Promise<void> {
    const folder = this.path(name);
    if (!existsSync(folder)) throw new ImageError(`${folder}: there is no image here`);
    await rm(folder, { recursive: true });
  }
}
