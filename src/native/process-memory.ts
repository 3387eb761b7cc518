import type { NativeRanges } from './pagecow.js';

/**
 * A private mapping of a memory file in another process. Windows are whole arrays. Every call throws an Error with the
 * code of errno if the system refuses: ESRCH once the process has ended.
 */
export interface NativeProcessMemory {
  /** Bytes of the pages that are copies. */
  delta(): number;
  /** Bytes of the pages that are mapped: copies, and the file's own. */
  measure(): { dirty: number; clean: number };
  dirtyRanges(): NativeRanges;
  read(offset: number, into: Uint8Array): void;
  write(offset: number, from: Uint8Array): void;
  close(): void;
}

/** Use it through src/farm/process-memory.ts. */
export interface ProcessMemoryNative {
  /** `size` bytes at the address `base` of the process; `scan` as in PagePool. */
  readonly ProcessMemory: new (
    pid: number,
    base: number,
    size: number,
    scan: number,
  ) => NativeProcessMemory;
}
