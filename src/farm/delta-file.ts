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
import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { PAGE_SIZE, type PageRange } from './page-window.js';
import { PoolError } from './pool-error.js';

const MAGIC = Buffer.from('PTMKDLTA');
const VERSION = 1;
const AT = { version: 8, pageSize: 12, imageSize: 16, ranges: 24, bytes: 32, image: 40, contents: 72 } as const;
const TRAILER = 104;
const RANGE = 16;

/** What a delta belongs to. */
export interface DeltaBase {
  readonly size: number;
  /** SHA-256 of all of it. */
  digest(): Promise<Buffer>;
}

/** What a file says of itself. Its contents are not looked at yet. */
export interface DeltaIndex {
  readonly ranges: readonly PageRange[];
  /** The table of the ranges as it lies in the file: the hash of the contents begins with it. */
  readonly table: Buffer;
  /** SHA-256 of the table and the pages, in order, and where in the file it is. */
  readonly contents: Buffer;
  readonly at: number;
}

/** The table of ranges. */
export function tableOf(ranges: readonly PageRange[]): Buffer {
  const table = Buffer.alloc(ranges.length * RANGE);
  ranges.forEach(({ offset, length }, i) => {
    table.writeBigUInt64LE(BigInt(offset), i * RANGE);
    table.writeBigUInt64LE(BigInt(length), i * RANGE + 8);
  });
  return table;
}

/** The trailer of a file with these ranges of an image. `contents` is the SHA-256 of the table and the pages. */
export function trailerOf(size: number, image: Buffer, ranges: readonly PageRange[], contents: Buffer): Buffer {
  const trailer = Buffer.alloc(TRAILER);
  MAGIC.copy(trailer);
  trailer.writeUInt32LE(VERSION, AT.version);
  trailer.writeUInt32LE(PAGE_SIZE, AT.pageSize);
  trailer.writeBigUInt64LE(BigInt(size), AT.imageSize);
  trailer.writeBigUInt64LE(BigInt(ranges.length), AT.ranges);
  trailer.writeBigUInt64LE(BigInt(bytesOf(ranges)), AT.bytes);
  image.copy(trailer, AT.image);
  contents.copy(trailer, AT.contents);
  return trailer;
}

export const bytesOf = (ranges: readonly PageRange[]): number => ranges.reduce((sum, { length }) => sum + length, 0);

/** Opens a file that may be anything: not blocking, so that a named pipe is refused and not waited for. */
export const openDelta = (path: string): Promise<FileHandle> => open(path, constants.O_RDONLY | constants.O_NONBLOCK);

/** @throws PoolError POOL_DELTA if the file is damaged, POOL_IMAGE if it belongs to another image. */
export async function readIndex(base: DeltaBase, file: FileHandle): Promise<DeltaIndex> {
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
  expect(AT.imageSize, 'image size', number(trailer, AT.imageSize, at), base.size);
  // The count is checked against the file's length before anything is allocated for it.
  const count = number(trailer, AT.ranges, at);
  expect(AT.ranges, 'number of ranges', count, (at - base.size) / RANGE);
  if (count > base.size / PAGE_SIZE) refuse(at + AT.ranges, `${count} ranges are more than there are pages`);
  if (!(await base.digest()).equals(trailer.subarray(AT.image, AT.image + 32))) {
    throw new PoolError('POOL_IMAGE', 'the delta is of another image', { offset: at + AT.image });
  }
  const table = await readAll(file, Buffer.alloc(count * RANGE), base.size);
  const ranges: PageRange[] = [];
  let end = 0;
  let bytes = 0;
  for (let i = 0; i < table.length; i += RANGE) {
    const offset = number(table, i, base.size);
    const length = number(table, i + 8, base.size);
    if (offset % PAGE_SIZE !== 0 || offset < end) refuse(base.size + i, `no range can begin at ${offset}`);
    if (length === 0 || length % PAGE_SIZE !== 0 || length > base.size - offset) {
      refuse(base.size + i + 8, `no range can be ${length} bytes long`);
    }
    ranges.push({ offset, length });
    end = offset + length;
    bytes += length;
  }
  expect(AT.bytes, 'number of bytes', number(trailer, AT.bytes, at), bytes);
  return { ranges, table, contents: trailer.subarray(AT.contents), at: at + AT.contents };
}

/** Refuses a file whose contents have another hash than it says. */
export function checkContents({ contents, at }: DeltaIndex, found: Buffer): void {
  if (!found.equals(contents)) refuse(at, 'the SHA-256 of its contents is another');
}

/** Fills `into` from a place in a delta file. @throws PoolError POOL_DELTA if it ends before. */
export async function readAll<Bytes extends Uint8Array>(
  file: FileHandle,
  into: Bytes,
  position: number,
): Promise<Bytes> {
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
