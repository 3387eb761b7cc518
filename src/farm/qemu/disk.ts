import { execFile } from 'node:child_process';
import { readFileSync, writeSync } from 'node:fs';
import { promisify } from 'node:util';
import { native } from '../../native/addon.js';
import { ImageError } from '../image/manifest.js';

const run = promisify(execFile);
const QEMU_IMG = 'qemu-img';

export type DiskFormat = 'raw' | 'qcow2';

async function qemuImg(args: readonly string[]): Promise<string> {
  try {
    return (await run(QEMU_IMG, args, { encoding: 'utf8' })).stdout;
  } catch (error) {
    const { code, stderr, message } = error as NodeJS.ErrnoException & { stderr?: string };
    throw new ImageError(
      code === 'ENOENT' ? `${QEMU_IMG} is missing (Debian package qemu-utils)` : stderr?.trim() || message,
    );
  }
}

/**
 * The format and the size in bytes of a disk.
 * @throws {ImageError} if it is neither raw nor qcow2, or names other files, which a stranger could point anywhere
 */
export async function inspectDisk(file: string): Promise<{ format: DiskFormat; bytes: number }> {
  const info = JSON.parse(await qemuImg(['info', '--output=json', '--', file])) as Record<string, unknown>;
  const { format } = info;
  if (format !== 'raw' && format !== 'qcow2')
    throw new ImageError(`${file}: expected a raw or qcow2 disk, not ${String(format)}`);
  if (info['backing-filename'] !== undefined || info['format-specific'] === 'data-file') {
    throw new ImageError(
      `${file}: it refers to another file, ${String(info['backing-filename'])}; make one disk of both first`,
    );
  }
  return { format, bytes: info['virtual-size'] as number };
}

/** Makes an empty layer for a disk of so many bytes. */
export async function createLayer(file: string, bytes: number): Promise<void> {
  await qemuImg(['create', '-q', '-f', 'qcow2', '--', file, String(bytes)]);
}

/** The top layer of a clone's disk, in memory: a copy of an empty one. The caller closes the descriptor. */
export function copyLayer(empty: string): number {
  const bytes = readFileSync(empty);
  const fd = native.memoryFile('potemkin-disk', 0);
  writeSync(fd, bytes);
  return fd;
}
