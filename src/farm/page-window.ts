import { native } from '../native/addon.js';
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
