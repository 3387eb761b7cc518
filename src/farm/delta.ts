import { createHash, randomUUID } from 'node:crypto';
import { open, rename, rm } from 'node:fs/promises';
import { setImmediate } from 'node:timers/promises';
import { bytesOf, checkContents, openDelta, readAll, readIndex, tableOf, trailerOf } from './delta-file.js';
import { writeAll } from './files.js';
import type { PageClone } from './page-clone.js';
import { PAGE_SIZE, type PageRange } from './page-window.js';
import { PoolError } from './pool-error.js';

/** Bytes that are read and hashed between two turns of the event loop, on which packets wait meanwhile. */
const PIECE = 128 * 1024;

/** What has a delta: a PageClone, or the memory of a guest in another process. It must hold still. */
export interface DeltaSource {
  readonly image: { digest(): Promise<Buffer>; read(offset: number, into: Uint8Array): void };
  readonly size: number;
  /** Where it has pages of its own, in order. */
  dirtyRanges(): PageRange[];
  read(offset: number, into: Uint8Array): void;
}

export interface ExportOptions {
  /** Leaves out the pages that were written to and hold what the image does. Costs reading both. */
  readonly differing?: boolean;
  /** Asked at the end. */
  unchanged?(): boolean;
}

/** Bytes of pages in the file, and of those that were left out because they are as in the image. */
export interface ExportedDelta {
  readonly bytes: number;
  readonly equal: number;
}

/**
 * Writes a delta to a file that appears when it is complete (format: delta-file.ts).
 * @throws PoolError POOL_BUSY if `unchanged` says at the end that the source was written to.
 */
export async function exportDelta(
  source: DeltaSource,
  path: string,
  { differing = false, unchanged = () => true }: ExportOptions = {},
): Promise<ExportedDelta> {
  const image = await source.image.digest();
  const dirty = source.dirtyRanges();
  const ranges = differing ? await differingRanges(source, dirty) : dirty;
  const part = `${path}.${randomUUID()}.part`;
  // What a clone held is nobody else's to read.
  const file = await open(part, 'wx', 0o600);
  try {
    const table = tableOf(ranges);
    const hash = createHash('sha256').update(table);
    for (const [offset, bytes] of windows(ranges)) {
      source.read(offset, bytes);
      hash.update(bytes);
      await writeAll(file, bytes, offset);
    }
    const end = Buffer.concat([table, trailerOf(source.size, image, ranges, hash.digest())]);
    await writeAll(file, end, source.size);
    if (!unchanged()) throw new PoolError('POOL_BUSY', 'the clone was written to during the export');
    await file.datasync();
    await rename(part, path);
  } catch (error) {
    await rm(part, { force: true });
    throw error;
  } finally {
    await file.close();
  }
  const bytes = bytesOf(ranges);
  return { bytes, equal: bytesOf(dirty) - bytes };
}

/** Makes a clone what the file says. */
export async function importDelta(clone: PageClone, path: string): Promise<void> {
  const file = await openDelta(path);
  try {
    const index = await readIndex({ size: clone.size, digest: () => clone.image.digest() }, file);
    clone.reset();
    try {
      const hash = createHash('sha256').update(index.table);
      for (const [offset, bytes] of windows(index.ranges)) {
        await readAll(file, bytes, offset);
        hash.update(bytes);
        clone.write(offset, bytes);
      }
      checkContents(index, hash.digest());
    } catch (error) {
      clone.reset();
      throw error;
    }
  } finally {
    await file.close();
  }
}

/** The pages in the ranges that differ from the image. */
async function differingRanges(source: DeltaSource, dirty: readonly PageRange[]): Promise<PageRange[]> {
  const ranges: { offset: number; length: number }[] = [];
  const original = new Uint8Array(PIECE);
  let looked = 0;
  for (const [offset, bytes] of windows(dirty)) {
    const same = original.subarray(0, bytes.length);
    source.read(offset, bytes);
    source.image.read(offset, same);
    for (let at = 0; at < bytes.length; at += PAGE_SIZE) {
      if (Buffer.compare(bytes.subarray(at, at + PAGE_SIZE), same.subarray(at, at + PAGE_SIZE)) === 0) continue;
      const last = ranges.at(-1);
      if (last && last.offset + last.length === offset + at) last.length += PAGE_SIZE;
      else ranges.push({ offset: offset + at, length: PAGE_SIZE });
    }
    looked += bytes.length;
    if (looked >= PIECE) {
      looked = 0;
      await setImmediate();
    }
  }
  return ranges;
}

/** Windows of at most PIECE bytes that cover the ranges. They share one buffer. */
function* windows(ranges: readonly PageRange[]): Generator<[offset: number, bytes: Uint8Array]> {
  const piece = new Uint8Array(PIECE);
  for (const { offset, length } of ranges) {
    for (let done = 0; done < length; done += PIECE) {
      yield [offset + done, piece.subarray(0, Math.min(PIECE, length - done))];
    }
  }
}
