import type { FileHandle } from 'node:fs/promises';
import { PAGE_SIZE } from './page-window.js';

const ZEROS = Buffer.alloc(PAGE_SIZE);

/** Writes all of it: a single write may stop early, as it does on a disk that is about to be full. */
export async function writeAll(file: FileHandle, bytes: Uint8Array, position: number): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    done += (await file.write(bytes, done, bytes.length - done, position + done)).bytesWritten;
  }
}

/** Writes what is not zero into a new file, by pages, so that the rest of it are holes. */
export async function writeSparse(file: FileHandle, bytes: Uint8Array, position: number): Promise<void> {
  const isZero = (at: number) => {
    const page = bytes.subarray(at, at + PAGE_SIZE);
    return Buffer.compare(page, page.length === PAGE_SIZE ? ZEROS : ZEROS.subarray(0, page.length)) === 0;
  };
  for (let from = 0; from < bytes.length; ) {
    if (isZero(from)) {
      from += PAGE_SIZE;
      continue;
    }
    let to = from + PAGE_SIZE;
    while (to < bytes.length && !isZero(to)) to += PAGE_SIZE;
    await writeAll(file, bytes.subarray(from, to), position + from);
    from = to;
  }
}
