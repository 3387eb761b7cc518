import { existsSync } from 'node:fs';
import { constants, copyFile, link, mkdir, mkdtemp, open, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { copyDisk } from '../disk-copy.js';
import { chooseAccelerator } from '../qemu/accelerator.js';
import { inspectDisk } from '../qemu/disk.js';
import { checkVersion, qemuVersion } from '../qemu/version.js';
import { type Boot, buildInitramfs, GUEST_KERNEL } from './build.js';
import { freeze, type Say } from './freeze.js';
import { ImageError, type Manifest } from './manifest.js';
import { parseRecipe, type Recipe } from './recipe.js';
import { digestSources, FILES, sourcesIn } from './source.js';
import type { ImageStore } from './store.js';

async function readRecipe(file: string): Promise<Recipe> {
  return parseRecipe(await readFile(file, 'utf8'), file);
}

/** Fills a new folder and puts it in the place of an image, which goes only when the new one is complete. */
async function replaceImage(store: ImageStore, name: string, fill: (folder: string) => Promise<void>): Promise<void> {
  const place = store.path(name);
  await mkdir(store.folder, { recursive: true, mode: 0o700 });
  const folder = await mkdtemp(join(store.folder, `.${name}-`));
  try {
    await fill(folder);
    await rm(place, { recursive: true, force: true });
    await rename(folder, place);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Files of an image can be opened by any user who gets a descriptor: its folder is closed to all but root. */
async function copyIn(from: string, to: string): Promise<void> {
  await copyFile(from, to, constants.COPYFILE_FICLONE);
}

async function copyBoot({ kernel, initramfs }: Boot, folder: string): Promise<void> {
  await copyIn(kernel, join(folder, FILES.kernel));
  await copyIn(initramfs, join(folder, FILES.initramfs));
}

/** Its holes stay holes. */
async function copyDiskIn(from: string, to: string): Promise<void> {
  const disk = await open(from, 'r');
  try {
    await copyDisk(disk.fd, to);
  } finally {
    await disk.close();
  }
}

/**
 * Gathers what an image boots from: kernel and initramfs as the recipe says. It is not frozen yet.
 * @throws {Error} that says what is wrong with the recipe, or what is missing
 */
export async function buildImage(store: ImageStore, name: string, recipeFile: string, say: Say): Promise<void> {
  const recipe = await readRecipe(recipeFile);
  if (recipe.disk !== undefined)
    throw new ImageError(`${recipeFile}: this machine boots from a disk; use potemkin image import`);
  const built = await buildInitramfs(recipe, { progress: say });
  await replaceImage(store, name, async (folder) => {
    await copyIn(recipeFile, join(folder, FILES.recipe));
    await copyBoot(built, folder);
  });
}

/**
 * Takes a disk in, of which the image is to be frozen. The file itself is copied.
 * @throws {ImageError} if it is no disk, or the recipe is for another kind of machine
 */
export async function importImage(
  store: ImageStore,
  name: string,
  recipeFile: string,
  disk: string,
  say: Say,
): Promise<void> {
  const recipe = await readRecipe(recipeFile);
  if (recipe.disk === undefined)
    throw new ImageError(`${recipeFile}: there is no disk in this recipe; use potemkin image build`);
  const bytes = await inspectDisk(disk, recipe.disk);
  const built = recipe.linux && (await buildInitramfs(recipe, { progress: say }));
  say(`copying ${disk}, a ${recipe.disk} disk of ${Math.ceil(bytes / 2 ** 20)} MiB`);
  await replaceImage(store, name, async (folder) => {
    await copyIn(recipeFile, join(folder, FILES.recipe));
    if (built) await copyBoot(built, folder);
    await copyDiskIn(disk, join(folder, FILES.disk));
  });
}

/** Freezes an image that was built or imported, or freezes it anew. @throws {ImageError} */
export async function freezeImage(store: ImageStore, name: string, say: Say): Promise<Manifest> {
  const from = store.path(name);
  if (!existsSync(join(from, FILES.recipe)))
    throw new ImageError(`${from}: there is no image to freeze; build or import it first`);
  const kernel = [join(from, FILES.kernel), GUEST_KERNEL].find((path) => existsSync(path));
  const { accelerator, reason } = await chooseAccelerator(kernel);
  say(`accelerator ${accelerator}: ${reason}`);
  let manifest: Manifest | undefined;
  await replaceImage(store, name, async (folder) => {
    for (const [part, path] of Object.entries(sourcesIn(from))) await link(path, join(folder, part));
    manifest = await freeze(folder, name, accelerator, say);
  });
  return manifest!;
}

/** Sees to it that there is an image of a recipe that can be cloned here; builds and freezes it if not. */
export async function ensureImage(store: ImageStore, name: string, recipeFile: string, say: Say): Promise<Manifest> {
  const frozen = await store.read(name).catch((error: Error) => {
    if (!(error instanceof ImageError)) throw error;
    return undefined;
  });
  if (frozen && (await isCurrent(frozen, recipeFile))) return frozen;
  say(`making image ${name}; this takes a minute, once`);
  await buildImage(store, name, recipeFile, say);
  return await freezeImage(store, name, say);
}

/** Whether an image is what the recipe would give now, and can be restored by this machine's QEMU. */
async function isCurrent(frozen: Manifest, recipeFile: string): Promise<boolean> {
  try {
    checkVersion(frozen, await qemuVersion());
  } catch (error) {
    if (!(error instanceof ImageError)) throw error;
    return false;
  }
  const { kernel, initramfs } = await buildInitramfs(await readRecipe(recipeFile));
  return (await digestSources({ recipe: recipeFile, kernel, initramfs })) === frozen.source;
}
