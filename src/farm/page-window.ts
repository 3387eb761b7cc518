import { native } from '../native/addon.js';
import type { NativeRanges } from '../native/pagecow.js';
import { PoolError } from './pool-error.js';

/** Bytes of a page of memory. Deltas are counted in whole pages. */
export const PAGE_SIZE = native.pageSize;

/** Bytes that are read or written in one go between two turns of the event loop. */
export const CHUNK = 1 << 20;

/** Bytes [offset, offset + length), multiples of PAGE_SIZE. */
export interface PageRange {
  readonly offset: number;
  readonly length: number;
}

/** The pages of ranges as the addon gives them, in bytes. */
export function toRanges(pairs: NativeRanges): PageRange[] {
  return Array.from({ length: pairs.length / 2 }, (_, i) => ({
    offset: pairs[2 * i]! * PAGE_SIZE,
    length: pairs[2 * i + 1]! * PAGE_SIZE,
  }));
}

/**
 * How copied pages are found: `ioctl` is PAGEMAP_SCAN (Linux 6.7), `pagemap` reads 8 bytes of /proc/PID/pagemap for
 * every page of the image, `auto` takes the ioctl where the kernel has it. The numbers are the addon's.
 */
export const SCAN = { auto: 0, ioctl: 1, pagemap: 2 } as const;

export type ScanMethod = keyof typeof SCAN;

/** @throws PoolError POOL_RANGE unless `value` is a whole number from 0. */
export function whole(name: string, value: number): void {
  if (!Number.isSafeInteger(value) || value < 0) {
    throw new PoolError('POOL_RANGE', `${name} must be a whole number, not ${value}`);
  }
}

/** @throws PoolError POOL_RANGE unless `length` bytes from `offset` lie inside `size` bytes. */
export function inside(size: number, offset: number, length: number): void {
  whole('offset', offset);
  if (offset > size - length) throw new PoolError('POOL_RANGE', `${offset}+${length} is not inside ${size} bytes`);
}

/** Closing what went with its pool is no error. */
export function ignoreClosed(close: () => void): void {
  try {
    close();
  } catch (error) {
    if (!(error instanceof PoolError && error.code === 'POOL_CLOSED')) throw error;
  }
}
