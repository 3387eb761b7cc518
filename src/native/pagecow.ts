/** Pairs of first page and number of pages, in order, not touching each other. */
export type NativeRanges = Uint32Array;

/** Makes the error that a refused call throws; `index` is the entry of a batch that was refused. */
export type MakePoolError = (code: string, message: string, index: number | undefined) => Error;

/**
 * The native pool. Images and clones are numbers, never 0. Windows are whole arrays: a call reads or writes as many
 * bytes as the array given holds. Use it through src/farm/pool.ts.
 */
export interface NativePagePool {
  createImage(size: number): number;
  adoptImage(fd: number): number;
  readImage(image: number, offset: number, into: Uint8Array): void;
  writeImage(image: number, offset: number, from: Uint8Array): void;
  sealImage(image: number): void;
  imageSize(image: number): number;
  imageSealed(image: number): boolean;
  imageFd(image: number): number;
  closeImage(image: number): void;
  clone(image: number): number;
  closeClone(clone: number): void;
  read(clone: number, offset: number, into: Uint8Array): void;
  write(clone: number, offset: number, from: Uint8Array): void;
  touch(clone: number, pages: Uint32Array): void;
  gather(clones: Uint32Array, offsets: Float64Array, length: number, into: Uint8Array): void;
  scatter(clones: Uint32Array, offsets: Float64Array, length: number, from: Uint8Array): void;
  reset(clone: number): void;
  measure(clone: number): void;
  measureAll(): void;
  dirtyRanges(clone: number): NativeRanges;
  diff(one: number, other: number): NativeRanges;
  delta(clone: number): number;
  /** A number that grows with every write, touch and reset. */
  changes(clone: number): number;
  accounts(): { clones: number; delta: number; tables: number; reference: number };
  close(): void;
}

/** The copy-on-write memory pool's part of the addon. */
export interface PagecowNative {
  /** Bytes of a page of memory on this machine. */
  readonly pageSize: number;
  /** `scan`: 0 automatic, 1 the PAGEMAP_SCAN ioctl, 2 /proc/self/pagemap. */
  readonly PagePool: new (
    budget: number,
    cap: number,
    clones: number,
    scan: number,
    makeError: MakePoolError,
  ) => NativePagePool;
}
