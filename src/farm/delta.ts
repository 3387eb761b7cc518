/**
 * The file a clone's delta is kept in.
 *
 * A sparse file as long as the image in which each page of the delta lies at its own address, so that any tool
 * can look at an address; then a table of the ranges that are there, and a trailer. The table is what counts,
 * not the holes: a page may be dirty and all zero, and copying, archiving or a file system with larger blocks
 * moves holes. The trailer comes last, so that a truncated file has none. All numbers are little-endian.
 *
 * | at | bytes | holds |
 * | --- | --- | --- |
 * | 0 | image size | the pages, each at its address |
 * | image size | 16 × ranges | offset and length of each range, 64 bits each, ascending |
 * | the end - 104 | 8 | `PTMKDLTA` |
 * | +8 | 4 | version: 1 |
 * | +12 | 4 | page size |
 * | +16 | 8 | image size |
 * | +24 | 8 | number of ranges |
 * | +32 | 8 | bytes in all ranges |
 * | +40 | 32 | SHA-256 of the image |
 * | +72 | 32 | SHA-256 of the table and the pages, in order |
 */
import { createHash, randomUUID } from 'node:crypto';
import { constants } from 'node:fs';
import { type FileHandle, open, rename, rm } from 'node:fs/promises';
import type { PageClone } from './page-clone.js';
import { CHUNK, PAGE_SIZE, type PageRange } from './page-window.js';
import { PoolError } from './pool-error.js';

const MAGIC = Buffer.from('PTMKDLTA');
const VERSION = 1;
const AT = { version: 8, pageSize: 12, imageSize: 16, ranges: 24, bytes: 32, image: 40, contents: 72 } as const;
const TRAILER = 104;
const RANGE = 16;

/** @throws PoolError POOL_BUSY if `unchanged` says at the end that the clone was written to. */
export async function exportDelta(clone: PageClone, path: string, unchanged: () => boolean): Promise<void> {
  const image = await clone.image.digest();
  const ranges = clone.dirtyRanges();
  const part = `${path}.${randomUUID()}.part`;
  // What a clone held is nobody else's to read.
  const file = await open(part, 'wx', 0o600);
  try {
    const table = Buffer.alloc(ranges.length * RANGE);
    ranges.forEach(({ offset, length }, i) => {
      table.writeBigUInt64LE(BigInt(offset), i * RANGE);
      table.writeBigUInt64LE(BigInt(length), i * RANGE + 8);
    });
    const hash = createHash('sha256').update(table);
    for (const [offset, bytes] of windows(ranges)) {
      clone.read(offset, bytes);
      hash.update(bytes);
      await file.write(bytes, 0, bytes.length, offset);
    }
    const trailer = Buffer.alloc(TRAILER);
    MAGIC.copy(trailer);
    trailer.writeUInt32LE(VERSION, AT.version);
    trailer.writeUInt32LE(PAGE_SIZE, AT.pageSize);
    trailer.writeBigUInt64LE(BigInt(clone.size), AT.imageSize);
    trailer.writeBigUInt64LE(BigInt(ranges.length), AT.ranges);
    trailer.writeBigUInt64LE(BigInt(ranges.reduce((sum, { length }) => sum + length, 0)), AT.bytes);
    image.copy(trailer, AT.image);
    hash.digest().copy(trailer, AT.contents);
    const end = Buffer.concat([table, trailer]);
    await file.write(end, 0, end.length, clone.size);
    if (!unchanged()) throw new PoolError('POOL_BUSY', 'the clone was written to during the export');
    await file.datasync();
    await rename(part, path);
  } catch (error) {
    await rm(part, { force: true });
    throw error;
  } finally {
    await file.close();
  }
}

/** Makes a clone what the file says. */
export async function importDelta(clone: PageClone, path: string): Promise<void> {
  // Not blocking, so that a named pipe is refused and not waited for.
  const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const { ranges, table, contents, at } = await readIndex(clone, file);
    clone.reset();
    try {
      const hash = createHash('sha256').update(table);
      for (const [offset, bytes] of windows(ranges)) {
        await readAll(file, bytes, offset);
        hash.update(bytes);
        clone.write(offset, bytes);
      }
      if (!hash.digest().equals(contents)) refuse(at + AT.contents, 'the SHA-256 of its contents is another');
    } catch (error) {
      clone.reset();
      throw error;
    }
  } finally {
    await file.close();
  }
}

async function readIndex(clone: PageClone, file: FileHandle) {
  const status = await file.stat();
  if (!status.isFile()) refuse(0, 'it is not a regular file');
  const at = status.size - TRAILER;
  if (at < 0) refuse(status.size, `it ends before the ${TRAILER} bytes of a trailer`);
  const trailer = await readAll(file, Buffer.alloc(TRAILER), at);
  const expect = (field: number, what: string, found: number, wanted: number) => {
    if (found !== wanted) refuse(at + field, `the ${what} is ${found}, not ${wanted}`);
  };
  if (!trailer.subarray(0, MAGIC.length).equals(MAGIC)) refuse(at, 'there is no trailer: it is cut off or no delta');
  expect(AT.version, 'version', trailer.readUInt32LE(AT.version), VERSION);
  expect(AT.pageSize, 'page size', trailer.readUInt32LE(AT.pageSize), PAGE_SIZE);
  expect(AT.imageSize, 'image size', number(trailer, AT.imageSize, at), clone.size);
  // The count is checked against the file's length before anything is allocated for it.
  const count = number(trailer, AT.ranges, at);
  expect(AT.ranges, 'number of ranges', count, (at - clone.size) / RANGE);
  if (count > clone.size / PAGE_SIZE) refuse(at + AT.ranges, `${count} ranges are more than there are pages`);
  if (!(await clone.image.digest()).equals(trailer.subarray(AT.image, AT.image + 32))) {
    throw new PoolError('POOL_IMAGE', 'the delta is of another image', { offset: at + AT.image });
  }
  const table = await readAll(file, Buffer.alloc(count * RANGE), clone.size);
  const ranges: PageRange[] = [];
  let end = 0;
  let bytes = 0;
  for (let i = 0; i < table.length; i += RANGE) {
    const offset = number(table, i, clone.size);
    const length = number(table, i + 8, clone.size);
    if (offset % PAGE_SIZE !== 0 || offset < end) refuse(clone.size + i, `no range can begin at ${offset}`);
    if (length === 0 || length % PAGE_SIZE !== 0 || length > clone.size - offset) {
      refuse(clone.size + i + 8, `no range can be ${length} bytes long`);
    }
    ranges.push({ offset, length });
    end = offset + length;
    bytes += length;
  }
  expect(AT.bytes, 'number of bytes', number(trailer, AT.bytes, at), bytes);
  return { ranges, table, contents: trailer.subarray(AT.contents), at };
}

/** Windows of at most CHUNK bytes that cover the ranges. They share one buffer. */
function* windows(ranges: readonly PageRange[]): Generator<[offset: number, bytes: Uint8Array]> {
  const chunk = new Uint8Array(CHUNK);
  for (const { offset, length } of ranges) {
    for (let done = 0; done < length; done += CHUNK) {
      yield [offset + done, chunk.subarray(0, Math.min(CHUNK, length - done))];
    }
  }
}

async function readAll<Bytes extends Uint8Array>(file: FileHandle, into: Bytes, position: number): Promise<Bytes> {
  for (let done = 0; done < into.length; ) {
    const { bytesRead } = await file.read(into, done, into.length - done, position + done);
    if (bytesRead === 0) refuse(position + done, 'it ends too early');
    done += bytesRead;
  }
  return into;
}

/** A 64-bit number of a part of the file that begins at `base`. */
function number(bytes: Buffer, at: number, base: number): number {
  const value = bytes.readBigUInt64LE(at);
  if (value > BigInt(Number.MAX_SAFE_INTEGER)) refuse(base + at, `${value} is beyond any size`);
  return Number(value);
}

function refuse(offset: number, why: string): never {
  throw new PoolError('POOL_DELTA', `the delta file is damaged at byte ${offset}: ${why}`, { offset });
}
