import { type FileHandle, open } from 'node:fs/promises';
import { native } from '../native/addon.js';
import type { NativePagePool } from '../native/pagecow.js';
import { fill, ReferenceImage } from './page-image.js';
import { PAGE_SIZE, SCAN, type ScanMethod, whole } from './page-window.js';
import { PoolError, type PoolErrorCode } from './pool-error.js';

export { PageClone } from './page-clone.js';
export { ReferenceImage } from './page-image.js';
export { PAGE_SIZE, type PageRange } from './page-window.js';
export { POOL_ERRORS, PoolError, type PoolErrorCode } from './pool-error.js';

export interface PoolOptions {
  /** Bytes that all clones together may cost: copied pages, page tables, bookkeeping. */
  readonly budget: number;
  /** Bytes of delta that one clone may have. Default: as many as the budget allows. */
  readonly cap?: number;
  /** Clones at once. Default: as many as vm.max_map_count has room for, which is also the most. */
  readonly clones?: number;
  /** How dirty pages are found. Default `auto`. */
  readonly scan?: ScanMethod;
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
    const { budget, cap = Number.MAX_SAFE_INTEGER, clones = Number.MAX_SAFE_INTEGER, scan = 'auto' } = options;
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
