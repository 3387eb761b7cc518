import { createHash } from 'node:crypto';
import { type FileHandle, open, rm } from 'node:fs/promises';
import { checkContents, openDelta, readAll, readIndex } from './delta-file.js';
import { writeSparse } from './files.js';
import { CHUNK, PAGE_SIZE, type PageRange } from './page-window.js';

export interface Restoration {
  /** Paths of the image's frozen memory, of the delta, and of the new file. */
  readonly memory: string;
  readonly delta: string;
  readonly output: string;
  /** Told of every step: done of total bytes. */
  progress?(step: 'checking' | 'writing', done: number, total: number): void;
}

/**
 * Writes the memory that a clone had: its image's, with the delta over it. It is a raw picture of the guest's physical
 * memory; what is zero is a hole. There is no file afterwards unless it is whole.
 * @throws PoolError POOL_IMAGE if the memory is another image's, POOL_DELTA if the delta is damaged
 * @throws {Error} EEXIST if the file exists
 */
export async function restoreMemory({ memory, delta, output, progress }: Restoration): Promise<void> {
  const [base, changes] = await Promise.all([open(memory, 'r'), openDelta(delta)]);
  try {
    const size = Math.ceil((await base.stat()).size / PAGE_SIZE) * PAGE_SIZE;
    const digest = () => digestOf(base, size, (done) => progress?.('checking', done, size));
    const index = await readIndex({ size, digest }, changes);
    const file = await open(output, 'wx', 0o600);
    try {
      const hash = createHash('sha256').update(index.table);
      const pending = [...index.ranges];
      for await (const [at, bytes] of chunks(base, size)) {
        for (const part of within(pending, at, bytes.length)) {
          const window = bytes.subarray(part.offset - at, part.offset - at + part.length);
          hash.update(await readAll(changes, window, part.offset));
        }
        await writeSparse(file, bytes, at);
        progress?.('writing', at + bytes.length, size);
      }
      checkContents(index, hash.digest());
      await file.truncate(size);
      await file.datasync();
    } catch (error) {
      await rm(output, { force: true });
      throw error;
    } finally {
      await file.close();
    }
  } finally {
    await Promise.all([base.close(), changes.close()]);
  }
}

async function digestOf(file: FileHandle, size: number, tell: (done: number) => void): Promise<Buffer> {
  const hash = createHash('sha256');
  for await (const [at, bytes] of chunks(file, size)) {
    hash.update(bytes);
    tell(at + bytes.length);
  }
  return hash.digest();
}

/** The file in chunks that share one buffer, padded with zeros to `size`. */
async function* chunks(file: FileHandle, size: number): AsyncGenerator<[at: number, bytes: Buffer]> {
  const chunk = Buffer.alloc(CHUNK);
  for (let at = 0; at < size; at += CHUNK) {
    const bytes = chunk.subarray(0, Math.min(CHUNK, size - at)).fill(0);
    for (let done = 0; done < bytes.length; ) {
      const { bytesRead } = await file.read(bytes, done, bytes.length - done, at + done);
      if (bytesRead === 0) break;
      done += bytesRead;
    }
    yield [at, bytes];
  }
}

/** Takes off the front of the ranges what lies before the end of a window, in order. */
function* within(pending: PageRange[], at: number, length: number): Generator<PageRange> {
  for (let range = pending[0]; range && range.offset < at + length; range = pending[0]) {
    const taken = Math.min(range.length, at + length - range.offset);
    yield { offset: range.offset, length: taken };
    if (taken === range.length) pending.shift();
    else pending[0] = { offset: range.offset + taken, length: range.length - taken };
  }
}
