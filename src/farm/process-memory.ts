import { fstatSync, readFileSync } from 'node:fs';
import { native } from '../native/addon.js';
import type { NativeProcessMemory } from '../native/process-memory.js';
import { inside, type PageRange, SCAN, type ScanMethod, toRanges } from './page-window.js';

/** A sealed memory that processes have mapped privately; a ReferenceImage is one. */
export interface MemoryImage {
  /** The memory file. */
  readonly fd: number;
  readonly size: number;
  /** SHA-256 of all of it. */
  digest(): Promise<Buffer>;
  read(offset: number, into: Uint8Array): void;
}

/** What a guest's process costs, in bytes. `guest`, `shared` and `overhead` add up to `pss`. */
export interface ProcessAccount {
  /** Pages of the image that the guest has changed: they are its own. */
  readonly guest: number;
  /** Its part of the pages of the image that it has mapped; each page is divided by the processes that have it mapped. */
  readonly shared: number;
  /** All else: the hypervisor's own memory, and its part of its program and libraries. */
  readonly overhead: number;
  readonly pss: number;
  /** What nobody else has mapped. An image's page that only one guest has mapped counts, and costs nothing more. */
  readonly private: number;
}

/**
 * A guest's memory in the process that runs it: its private mapping of an image. Reading and writing need not wait for
 * the process, but only a guest that is paused holds still.
 *
 * All methods but close() throw an Error with code ESRCH once the process has ended, however many others get its number.
 */
export class ProcessMemory {
  readonly pid: number;
  readonly image: MemoryImage;
  readonly #native: NativeProcessMemory;

  /**
   * Looks the mapping up, once.
   * @throws {Error} if there is none, or it is not the whole image; ENOENT or ESRCH if there is no such process
   */
  constructor(pid: number, image: MemoryImage, { scan = 'auto' }: { scan?: ScanMethod } = {}) {
    this.pid = pid;
    this.image = image;
    this.#native = new native.ProcessMemory(pid, findMapping(pid, image), image.size, SCAN[scan]);
  }

  get size(): number {
    return this.image.size;
  }

  /** Asks the kernel for the bytes of the pages that are copies. Costs what is mapped: see docs/captures.md. */
  delta(): number {
    return this.#native.delta();
  }

  /** Where the guest has copies of its own, whether or not they differ. */
  dirtyRanges(): PageRange[] {
    return toRanges(this.#native.dirtyRanges());
  }

  /** Fills `into` with the bytes from `offset`, which is the guest's physical address. */
  read(offset: number, into: Uint8Array): void {
    inside(this.size, offset, into.length);
    this.#native.read(offset, into);
  }

  /** The pages written become copies. The image, and other processes, see nothing of it. */
  write(offset: number, from: Uint8Array): void {
    inside(this.size, offset, from.length);
    this.#native.write(offset, from);
  }

  /** Where the process's memory goes. Slow: the kernel walks all of it. */
  account(): ProcessAccount {
    const guest = this.#native.delta();
    const rollup = readRollup(this.pid);
    const shared = rollup('Pss_Shmem');
    const pss = rollup('Pss') + rollup('SwapPss');
    return {
      guest,
      shared,
      // Never below 0, though the guest may have run between the two looks.
      overhead: Math.max(0, pss - shared - guest),
      pss,
      private: rollup('Private_Clean') + rollup('Private_Dirty') + rollup('SwapPss'),
    };
  }

  /** May be called again. The process is left alone. */
  close(): void {
    this.#native.close();
  }
}

/** Address of the one private mapping of the image. It may lie in several pieces, one behind the other. */
function findMapping(pid: number, { fd, size }: MemoryImage): number {
  const { dev, ino } = fstatSync(fd, { bigint: true });
  const device = `${hex((dev >> 8n) & 0xfffn)}:${hex((dev & 0xffn) | ((dev >> 12n) & 0xfff00n))}`;
  let base: number | undefined;
  let end = 0;
  let offset = 0;
  // start-end permissions offset device inode path
  for (const line of readFileSync(`/proc/${pid}/maps`, 'latin1').split('\n')) {
    const fields = /^([0-9a-f]+)-([0-9a-f]+) ...p ([0-9a-f]+) (\S+) (\d+)/.exec(line);
    if (!fields || fields[4] !== device || fields[5] !== String(ino)) continue;
    const [from, to, at] = [fields[1]!, fields[2]!, fields[3]!].map((text) => Number.parseInt(text, 16)) as [
      number,
      number,
      number,
    ];
    if (at !== offset || (base !== undefined && from !== end)) {
      throw new Error(`process ${pid}: expected one private mapping of the image, came upon another at 0x${fields[1]}`);
    }
    base ??= from;
    offset += to - from;
    end = to;
  }
  if (base === undefined || offset !== size) {
    throw new Error(`process ${pid}: expected a private mapping of ${size} bytes of the image, found ${offset}`);
  }
  return base;
}

const hex = (value: bigint): string => value.toString(16).padStart(2, '0');

/** The figures of /proc/PID/smaps_rollup, in bytes. */
function readRollup(pid: number): (name: string) => number {
  const figures = new Map<string, number>();
  for (const line of readFileSync(`/proc/${pid}/smaps_rollup`, 'latin1').split('\n')) {
    const fields = /^(\w+):\s+(\d+) kB$/.exec(line);
    if (fields) figures.set(fields[1]!, Number(fields[2]) * 1024);
  }
  return (name) => {
    const figure = figures.get(name);
    if (figure === undefined) throw new Error(`/proc/${pid}/smaps_rollup says nothing of ${name}`);
    return figure;
  };
}
