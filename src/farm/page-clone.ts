import type { NativePagePool } from '../native/pagecow.js';
import { exportDelta, importDelta } from './delta.js';
import type { ReferenceImage } from './page-image.js';
import { ignoreClosed, inside, type PageRange, toRanges } from './page-window.js';

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
    return toRanges(this.#native.dirtyRanges(this.#id));
  }

  /** The pages in which two clones of one image differ. @throws PoolError POOL_IMAGE if they are of different ones. */
  diff(other: PageClone): PageRange[] {
    return toRanges(this.#native.diff(this.#id, other.#id));
  }

  /**
   * Writes the delta to a file that appears when it is complete (format: delta-file.ts). The clone must be paused.
   * @throws PoolError POOL_BUSY if it was written to meanwhile.
   */
  async exportDelta(path: string): Promise<void> {
    const before = this.#native.changes(this.#id);
    await exportDelta(this, path, { unchanged: () => this.#native.changes(this.#id) === before });
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
