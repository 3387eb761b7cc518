import { createHash } from 'node:crypto';
import type { FileHandle } from 'node:fs/promises';
import { setImmediate } from 'node:timers/promises';
import type { NativePagePool } from '../native/pagecow.js';
import { PageClone } from './page-clone.js';
import { CHUNK, ignoreClosed, inside, PAGE_SIZE } from './page-window.js';
import { PoolError } from './pool-error.js';

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

/** Writes the first `size` bytes of a file into an image. Zeros are left out, so that holes stay holes. */
export async function fill(image: ReferenceImage, file: FileHandle, size: number): Promise<void> {
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
