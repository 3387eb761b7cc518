import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import type { writeReport } from '../capture-record.js';
import type { Hardware } from '../qemu/command-line.js';
import type { Recipe } from './recipe.js';

export const MANIFEST = 'manifest.json';

/** The form of manifests and of what they describe. Images of another one are frozen anew. */
const FORMAT = 1;

/** A file of an image, in the image's folder. */
export interface ImageFile {
  readonly name: string;
  readonly bytes: number;
  readonly sha256: string;
}

/** What is in an image's folder, and all that is needed to make clones of it. */
export interface Manifest {
  readonly name: string;
  /** ISO 8601. */
  readonly frozen: string;
  /** SHA-256 of the recipe and of what it was built from: whether an image is that of a recipe. */
  readonly source: string;
  /** What froze it, and must restore it: QEMU restores only what the same version has saved. */
  readonly qemu: string;
  /** The processor that it was frozen on. It matters where KVM runs its clones. */
  readonly processor: string;
  readonly hardware: Hardware;
  readonly memory: ImageFile;
  /** The devices' state. */
  readonly state: ImageFile;
  /** Layers of the disk, the base first. */
  readonly disks: readonly ImageFile[];
  /** What clones are started with instead of the kernel, which they have in memory already. */
  readonly stub: ImageFile | undefined;
  readonly identity: Recipe['identity'];
  readonly address: Recipe['address'];
  readonly files: Recipe['files'];
  readonly warm: readonly number[];
  /** Where the agent's mailbox lies in memory; undefined if there is no agent. */
  readonly mailbox: number | undefined;
  /** What clones do by themselves, so that what differs from it is of interest. */
  readonly baseline: { readonly delta: number; readonly report?: ReturnType<typeof writeReport> };
}

/** An image that cannot be used, and why. */
export class ImageError extends Error {
  override readonly name = 'ImageError';
}

/** All of an image's files but its memory. */
export function smallFiles({ state, stub, disks }: Manifest): ImageFile[] {
  return [state, ...(stub ? [stub] : []), ...disks];
}

/** SHA-256 of a file, in hexadecimal. */
export async function hashFile(path: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path, { highWaterMark: 1 << 20 }), hash);
  return hash.digest('hex');
}

/** Describes a file of an image's folder. */
export async function describeFile(folder: string, name: string): Promise<ImageFile> {
  const path = join(folder, name);
  return { name, bytes: (await stat(path)).size, sha256: await hashFile(path) };
}

/** @throws {ImageError} if a file is not what the manifest says. */
export async function verifyFile(folder: string, { name, bytes, sha256 }: ImageFile): Promise<void> {
  const path = join(folder, name);
  const size = await stat(path).then(
    (status) => status.size,
    (error: NodeJS.ErrnoException) => {
      throw new ImageError(`${path}: ${error.code === 'ENOENT' ? 'the file is missing' : error.message}`);
    },
  );
  if (size !== bytes) throw new ImageError(`${path}: expected ${bytes} bytes, found ${size}`);
  const found = await hashFile(path);
  if (found !== sha256) throw new ImageError(`${path}: damaged: its SHA-256 is ${found}, not ${sha256}`);
}

const digestOf = (text: string) => createHash('sha256').update(text).digest('hex');

/** Writes a manifest, guarded by a digest of its own. */
export async function writeManifest(folder: string, manifest: Manifest): Promise<void> {
  const text = JSON.stringify(manifest);
  await writeFile(
    join(folder, MANIFEST),
    `${JSON.stringify({ format: FORMAT, digest: digestOf(text), image: manifest }, null, 2)}\n`,
  );
}

/** @throws {ImageError} if there is none, or it is damaged or of another format. */
export async function readManifest(folder: string): Promise<Manifest> {
  const path = join(folder, MANIFEST);
  const refuse = (why: string): never => {
    throw new ImageError(`${path}: ${why}`);
  };
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) =>
    refuse(error.code === 'ENOENT' ? 'there is no frozen image here; potemkin image makes one' : error.message),
  );
  let found: { format?: unknown; digest?: unknown; image?: unknown };
  try {
    found = ((JSON.parse(text) as unknown) ?? {}) as typeof found;
  } catch (error) {
    return refuse(`damaged: ${(error as Error).message}`);
  }
  if (found.format !== FORMAT)
    refuse(`expected format ${FORMAT}, found ${String(found.format)}; freeze the image again`);
  if (found.digest !== digestOf(JSON.stringify(found.image))) refuse('damaged: its digest is another');
  return found.image as Manifest;
}
