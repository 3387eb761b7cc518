import { fstatSync, read } from 'node:fs';
import { open } from 'node:fs/promises';
import { promisify } from 'node:util';
import { writeSparse } from './files.js';

const readAt = promisify(read);

/** Bytes that are read in one go. */
const PIECE = 1 << 18;

/** Bytes that the file behind a descriptor takes. */
export const allocated = (fd: number): number => fstatSync(fd).blocks * 512;

/**
 * Copies the file behind a descriptor, which is left as it was, into a new file. What is zero becomes a hole.
 * @returns its length
 */
export async function copyDisk(fd: number, path: string): Promise<number> {
  const { size } = fstatSync(fd);
  const file = await open(path, 'wx', 0o600);
  try {
    const piece = new Uint8Array(PIECE);
    for (let at = 0; at < size; ) {
      const { bytesRead } = await readAt(fd, piece, 0, Math.min(PIECE, size - at), at);
      if (bytesRead === 0) throw new Error(`the disk ends at ${at}, before its ${size} bytes`);
      await writeSparse(file, piece.subarray(0, bytesRead), at);
      at += bytesRead;
    }
    await file.truncate(size);
    await file.datasync();
  } finally {
    await file.close();
  }
  return size;
}
