import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { hashFile } from './manifest.js';

/** The files in an image's folder: what it is frozen from, then what freezing makes. */
export const FILES = {
  recipe: 'recipe',
  kernel: 'kernel',
  initramfs: 'initramfs',
  disk: 'disk',
  memory: 'memory',
  state: 'state',
  stub: 'stub',
  layer: 'disk.layer',
  empty: 'disk.empty',
} as const;

/** What an image is frozen from. */
export const SOURCES = [FILES.recipe, FILES.kernel, FILES.initramfs, FILES.disk] as const;

export type Sources = Partial<Record<(typeof SOURCES)[number], string>>;

/** Paths of the sources that lie in an image's folder. */
export function sourcesIn(folder: string): Sources {
  const there = SOURCES.map((part) => [part, join(folder, part)] as const).filter(([, path]) => existsSync(path));
  return Object.fromEntries(there);
}

/** One digest of all that an image is frozen from: images that have the same were made of the same. */
export async function digestSources(sources: Sources): Promise<string> {
  const hash = createHash('sha256');
  for (const part of SOURCES) {
    const path = sources[part];
    hash.update(`${part} ${path === undefined ? '-' : await hashFile(path)}\n`);
  }
  return hash.digest('hex');
}
