import { createHash } from 'node:crypto';
import { type FileHandle, open } from 'node:fs/promises';
import { setImmediate } from 'node:timers/promises';
import { native } from '../native/addon.js';
import type { NativePagePool, NativeRanges } from '../native/pagecow.js';
import { exportDelta, importDelta } from './delta.js';
import { PoolError, type PoolErrorCode } from './pool-error.js';

export { POOL_ERRORS, PoolError, type PoolErrorCode } from './pool-error.js';

/** Bytes of a page of memory. Deltas are counted in whole pages. */
export const PAGE_SIZE = native.pageSize;

/** Bytes that are read or written in one go between two turns of the event loop. */
const CHUNK = 1 << 20;

const SCAN = { auto: 0, ioctl: 1, pagemap: 2 } as const;

export interface PoolOptions {
  /** Bytes that all clones together may cost: copied pages, page tables, bookkeeping. */
  readonly budget: number;
  /** Bytes of delta that one clone may have. Default: the whole budget. */
  readonly cap?: number;
  /** Clones at once. Default: as many as vm.max_map_count has room for, which is also the most. */
  readonly clones?: number;
  /**
   * How dirty pages are found: `ioctl` is PAGEMAP_SCAN (Linux 6.7), `pagemap` reads 8 bytes of /proc/self/pagemap
   * for every page of the image. Default `auto`: the ioctl where the kernel has it.
   */
  readonly scan?: keyof typeof SCAN;
}

/** What a pool costs now, in bytes. */
export interface PoolAccounts {
  readonly clones: number;
  /** Pages that clones have copied. */
  readonly delta: number;
  /** Page tables and bookkeeping of the clones. An upper estimate: page tables stay counted after a reset. */
  readonly tables: number;
  /** Memory of the images. Not part of the budget; holes take none until a clone writes to them. */
  readonly reference: number;
  readonly budget: number;
}

/** Bytes [offset, offset + length), multiples of PAGE_SIZE. */
export interface PageRange {
  readonly offset: number;
  readonly length: number;
}

/**
 * Copy-on-write memory: frozen reference images and any number of private clones of them. A clone costs what it
 * changes. The pool belongs to the thread that made it.
 *
 * write(), touch() and scatter() are refused before they would exceed the budget. A hypervisor that writes to the
 * mapping by itself bypasses them: measure() brings the accounts up to date.
 */
export class Pool {
  readonly #native: NativePagePool;
  readonly #budget: number;

  /** @throws RangeError if a limit is not a whole number above 0; PoolError. */
  constructor(options: PoolOptions) {
    const { budget, cap = budget, clones = Number.MAX_SAFE_INTEGER, scan = 'auto' } = options;
    for (const [name, limit] of Object.entries({ budget, cap, clones })) {
      if (!Number.isSafeInteger(limit) || limit <= 0) {
        throw new RangeError(`${name} must be a whole number above 0, not ${limit}`);
      }
    }
    if (!Object.hasOwn(SCAN, scan))
      throw new RangeError(`scan must be one of ${Object.keys(SCAN).join(', ')}, not ${scan}`);
    this.#budget = budget;
    this.#native = new native.PagePool(budget, cap, clones, SCAN[scan], (code, message, index) => {
      return new PoolError(code as PoolErrorCode, message, { index });
    });
  }

  /** A new image of zeros, `size` bytes (a multiple of PAGE_SIZE) long, to be written and then sealed. */
  createImage(size: number): ReferenceImage {
    whole('size', size);
    return new ReferenceImage(this.#native, this.#native.createImage(size));
  }

  /**
   * An image over a memory file (memfd_create) that is already sealed against every change, such as that of another
   * pool. The descriptor is duplicated; the caller keeps its own.
   */
  adoptImage(fd: number): ReferenceImage {
    whole('fd', fd);
    return new ReferenceImage(this.#native, this.#native.adoptImage(fd));
  }

  /** A sealed image with the contents of a file, which is padded with zeros to whole pages. Holes stay holes. */
  async loadImage(source: string | FileHandle): Promise<ReferenceImage> {
    const file = typeof source === 'string' ? await open(source, 'r') : source;
    try {
      const { size } = await file.stat();
      if (size === 0) throw new PoolError('POOL_RANGE', 'an image cannot be empty');
      const image = this.createImage(Math.ceil(size / PAGE_SIZE) * PAGE_SIZE);
      try {
        await fill(image, file, size);
        image.seal();
        return image;
      } catch (error) {
        image.close();
        throw error;
      }
    } finally {
      if (typeof source === 'string') await file.close();
    }
  }

  /**
   * Reads one window of `length` bytes of many clones in one call: of the clone with id `clones[i]` from
   * `offsets[i]`, to `into` from `i * length`. @throws PoolError with the index of the entry that was refused.
   */
  gather(clones: Uint32Array, offsets: Float64Array, length: number, into: Uint8Array): void {
    whole('length', length);
    this.#native.gather(clones, offsets, length, into);
  }

  /** Writes such windows. */
  scatter(clones: Uint32Array, offsets: Float64Array, length: number, from: Uint8Array): void {
    whole('length', length);
    this.#native.scatter(clones, offsets, length, from);
  }

  get accounts(): PoolAccounts {
    return { ...this.#native.accounts(), budget: this.#budget };
  }

  /** Asks the kernel what every clone really costs. */
  measure(): PoolAccounts {
    this.#native.measureAll();
    return this.accounts;
  }

  /** Closes all clones and images. May be called again; everything else throws POOL_CLOSED from now on. */
  close(): void {
    this.#native.close();
  }
}

/** A memory that clones start from. It can be written until it is sealed, and cloned from then on. */
export class ReferenceImage {
  readonly #native: NativePagePool;
  #id: number;
  readonly size: number;
  #sealed = false;
  #digest: Buffer | undefined;

  /** Pool makes them. */
  constructor(pool: NativePagePool, id: number) {
    this.#native = pool;
    this.#id = id;
    this.size = pool.imageSize(id);
    this.#sealed = pool.imageSealed(id);
  }

  get sealed(): boolean {
    return this.#sealed;
  }

  /** The memory file, to be handed to a hypervisor. It stays the image's: do not close it. */
  get fd(): number {
    return this.#native.imageFd(this.#id);
  }

  /** Fills `into` with the bytes from `offset`. */
  read(offset: number, into: Uint8Array): void {
    inside(this.size, offset, into.length);
    this.#native.readImage(this.#id, offset, into);
  }

  /** @throws PoolError POOL_SEALED once it is sealed. */
  write(offset: number, from: Uint8Array): void {
    inside(this.size, offset, from.length);
    this.#native.writeImage(this.#id, offset, from);
  }

  /** Nobody can change the image any more. @throws PoolError POOL_BUSY while a process has it mapped for writing. */
  seal(): void {
    this.#native.sealImage(this.#id);
    this.#sealed = true;
  }

  clone(): PageClone {
    return new PageClone(this.#native, this, this.#native.clone(this.#id));
  }

  /** SHA-256 of the sealed image. Takes about a second per GB, once. */
  async digest(): Promise<Buffer> {
    if (!this.#sealed) throw new PoolError('POOL_UNSEALED', 'only a sealed image has a digest');
    if (this.#digest) return this.#digest;
    const hash = createHash('sha256');
    const chunk = new Uint8Array(CHUNK);
    for (let at = 0; at < this.size; at += CHUNK) {
      const part = chunk.subarray(0, Math.min(CHUNK, this.size - at));
      this.read(at, part);
      hash.update(part);
      await setImmediate();
    }
    this.#digest = hash.digest();
    return this.#digest;
  }

  /** May be called again. @throws PoolError POOL_BUSY while it has clones. */
  close(): void {
    if (this.#id !== 0) ignoreClosed(() => this.#native.closeImage(this.#id));
    this.#id = 0;
  }
}

/** A private copy of an image. Windows are copied in and out, so nothing of it outlives close(). */
export class PageClone {
  readonly #native: NativePagePool;
  readonly image: ReferenceImage;
  #id: number;

  /** ReferenceImage.clone() makes them. */
  constructor(pool: NativePagePool, image: ReferenceImage, id: number) {
    this.#native = pool;
    this.image = image;
    this.#id = id;
  }

  /** Its number for gather() and scatter(), 0 once it is closed. */
  get id(): number {
    return this.#id;
  }

  get size(): number {
    return this.image.size;
  }

  /** Bytes of delta: what was written through this class, or what measure() last found. */
  get delta(): number {
    return this.#native.delta(this.#id);
  }

  /** Fills `into` with the bytes from `offset`. */
  read(offset: number, into: Uint8Array): void {
    inside(this.size, offset, into.length);
    this.#native.read(this.#id, offset, into);
  }

  /** All or nothing. @throws PoolError POOL_CAP or POOL_BUDGET if it would copy more pages than is left. */
  write(offset: number, from: Uint8Array): void {
    inside(this.size, offset, from.length);
    this.#native.write(this.#id, offset, from);
  }

  /** Copies pages, given by number, without changing what they hold. @throws PoolError with the index refused. */
  touch(pages: Uint32Array): void {
    this.#native.touch(this.#id, pages);
  }

  /** Back to the image. */
  reset(): void {
    this.#native.reset(this.#id);
  }

  /** Asks the kernel which pages are copies. Returns the bytes of delta. */
  measure(): number {
    this.#native.measure(this.#id);
    return this.delta;
  }

  /** Where the clone holds copies of its own, whether or not they differ. Measures first. */
  dirtyRanges(): PageRange[] {
    return ranges(this.#native.dirtyRanges(this.#id));
  }

  /** The pages in which two clones of one image differ. @throws PoolError POOL_IMAGE if they are of different ones. */
  diff(other: PageClone): PageRange[] {
    return ranges(this.#native.diff(this.#id, other.#id));
  }

  /**
   * Writes the delta to a file that appears when it is complete (format: delta.ts). The clone must be paused.
   * @throws PoolError POOL_BUSY if it was written to meanwhile.
   */
  async exportDelta(path: string): Promise<void> {
    const before = this.#native.changes(this.#id);
    await exportDelta(this, path, () => this.#native.changes(this.#id) === before);
  }

  /**
   * Replaces the clone's delta by that of a file. A file that is refused before its pages are read leaves the clone
   * as it was, one that fails later leaves it reset. @throws PoolError POOL_DELTA, POOL_IMAGE, POOL_CAP, POOL_BUDGET.
   */
  async importDelta(path: string): Promise<void> {
    await importDelta(this, path);
  }

  /** May be called again; everything else throws POOL_CLOSED from now on. */
  close(): void {
    if (this.#id !== 0) ignoreClosed(() => this.#native.closeClone(this.#id));
    this.#id = 0;
  }
}

async function fill(image: ReferenceImage, file: FileHandle, size: number): Promise<void> {
  const chunk = Buffer.alloc(CHUNK);
  const zeros = Buffer.alloc(PAGE_SIZE * 16);
  for (let at = 0; at < size; ) {
    const { bytesRead } = await file.read(chunk, 0, Math.min(CHUNK, size - at), at);
    if (bytesRead === 0) throw new PoolError('POOL_SYSTEM', `the image file ends at ${at}, before its ${size} bytes`);
    for (let from = 0; from < bytesRead; from += zeros.length) {
      const part = chunk.subarray(from, Math.min(from + zeros.length, bytesRead));
      if (!part.equals(zeros.subarray(0, part.length))) image.write(at + from, part);
    }
    at += bytesRead;
  }
}

function ranges(pairs: NativeRanges): PageRange[] {
  return Array.from({ length: pairs.length / 2 }, (_, i) => ({
    offset: pairs[2 * i]! * PAGE_SIZE,
    length: pairs[2 * i + 1]! * PAGE_SIZE,
  }));
}

function whole(name: string, value: number): void {
  if (!Number.isSafeInteger(value) || value < 0) {
    throw new PoolError('POOL_RANGE', `${name} must be a whole number, not ${value}`);
  }
}

function inside(size: number, offset: number, length: number): void {
  whole('offset', offset);
  if (offset > size - length) throw new PoolError('POOL_RANGE', `${offset}+${length} is not inside ${size} bytes`);
}

/** Closing what went with its pool is no error. */
function ignoreClosed(close: () => void): void {
  try {
    close();
  } catch (error) {
    if (!(error instanceof PoolError && error.code === 'POOL_CLOSED')) throw error;
  }
}
