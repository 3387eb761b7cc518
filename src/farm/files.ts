import type { FileHandle } from 'node:fs/promises';

/** Writes all of it: a single write may stop early, as it does on a disk that is about to be full. */
export async function writeAll(file: FileHandle, bytes: Uint8Array, position: number): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    done += (await file.write(bytes, done, bytes.length - done, position + done)).bytesWritten;
  }
}
