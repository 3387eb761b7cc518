import type { Dirent } from 'node:fs';
import { mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { CapturedFile, CaptureFacts, CaptureRecord } from './capture-record.js';
import { FileHasher } from './file-hasher.js';
import { writeAll } from './files.js';

/** What the folder of captures may hold. */
export interface CaptureQuota {
  readonly captures: number;
  /** Bytes on the disk. */
  readonly bytes: number;
}

/** How it went: there is a capture, or why there is none. */
export type CaptureOutcome =
  | { readonly kind: 'captured'; readonly path: string; readonly bytes: number }
  | { readonly kind: 'full' | 'busy' | 'failed'; readonly reason: string };

/** A capture in the making. */
export interface CaptureFolder {
  readonly path: string;
  /** Writes a file, readable by its owner alone, as chunks come. */
  write(name: string, chunks: Iterable<Uint8Array>): Promise<void>;
}

export interface NewCapture {
  /** Name of its folder. */
  readonly name: string;
  /** Bytes it may take; asked when its turn has come. */
  size(): number;
  /** Writes its files. @returns what its record says beside them */
  fill(folder: CaptureFolder): Promise<CaptureFacts>;
}

const RECORD = 'capture.json';
const PART = /\.(\d+)\.part$/;
/** Captures that may wait for their turn. Each is a clone that is paused, and keeps its memory. */
const WAITING = 64;

/**
 * The folder of captures. A capture appears when it is complete. When the folder holds as much as it may no more are
 * taken: what was caught is never thrown away to make room.
 */
export class CaptureStore {
  readonly folder: string;
  /** How often each outcome was. */
  readonly counts: Record<CaptureOutcome['kind'], number> = { captured: 0, full: 0, busy: 0, failed: 0 };
  private readonly quota: CaptureQuota;
  private readonly hasher = new FileHasher();
  private turn: Promise<unknown> = Promise.resolve();
  private waiting = 0;
  private held = { captures: 0, bytes: 0 };

  constructor(folder: string, quota: CaptureQuota) {
    this.folder = folder;
    this.quota = quota;
  }

  /** Removes what a process that ended in the midst of a capture left in the folder. The first capture makes it. */
  async open(): Promise<void> {
    for (const { name } of await list(this.folder)) {
      const pid = Number(PART.exec(name)?.[1]);
      if (pid > 0 && (pid === process.pid || !isAlive(pid))) await rm(join(this.folder, name), { recursive: true });
    }
    this.held = await measure(this.folder);
  }

  /** Takes a capture when those before it are done. Never rejects: a clone that cannot be captured goes anyway. */
  async add(capture: NewCapture): Promise<CaptureOutcome> {
    const outcome = await this.queue(capture);
    this.counts[outcome.kind]++;
    return outcome;
  }

  /** Waits for what is in the making. */
  async close(): Promise<void> {
    await this.turn;
    await this.hasher.close();
  }

  private async queue(capture: NewCapture): Promise<CaptureOutcome> {
    if (this.waiting >= WAITING) return { kind: 'busy', reason: `${WAITING} captures wait already` };
    this.waiting++;
    const taken = this.turn.then(() => this.take(capture));
    this.turn = taken;
    try {
      return await taken;
    } finally {
      this.waiting--;
    }
  }

  private async take(capture: NewCapture): Promise<CaptureOutcome> {
    const part = join(this.folder, `${capture.name}.${process.pid}.part`);
    try {
      await mkdir(this.folder, { recursive: true, mode: 0o700 });
      const reason = await this.fullness(capture.size());
      if (reason !== undefined) return { kind: 'full', reason };
      await mkdir(part, { mode: 0o700 });
      const files: CapturedFile[] = [];
      const write = (name: string, chunks: Iterable<Uint8Array>) => writeFile(join(part, name), chunks);
      const facts = await capture.fill({ path: part, write });
      for (const name of (await readdir(part)).sort()) {
        const sha256 = await this.hasher.sha256(join(part, name));
        files.push({ name, size: (await stat(join(part, name))).size, sha256 });
      }
      const record: CaptureRecord = { ...facts, files };
      await write(RECORD, [Buffer.from(`${JSON.stringify(record, undefined, 2)}\n`)]);
      const { bytes } = await measure(part);
      const path = join(this.folder, capture.name);
      await rename(part, path);
      this.held.captures++;
      this.held.bytes += bytes;
      return { kind: 'captured', path, bytes };
    } catch (error) {
      const reason = [(error as Error).message];
      await rm(part, { recursive: true, force: true }).catch((left: Error) => {
        reason.push(`and ${part} is left over: ${left.message}`);
      });
      return { kind: 'failed', reason: reason.join(', ') };
    }
  }

  /** Why there is no room, undefined if there is. Somebody may have made some meanwhile. */
  private async fullness(bytes: number): Promise<string | undefined> {
    const reason = () => {
      const { captures, bytes: most } = this.quota;
      if (this.held.captures >= captures) return `${this.folder} holds ${captures} captures, as many as it may`;
      if (this.held.bytes + bytes <= most) return undefined;
      return `${this.folder} holds ${this.held.bytes} of ${most} bytes, and this one takes ${bytes}`;
    };
    if (reason() === undefined) return undefined;
    this.held = await measure(this.folder);
    return reason();
  }
}

async function writeFile(path: string, chunks: Iterable<Uint8Array>): Promise<void> {
  const file = await open(path, 'wx', 0o600);
  try {
    let at = 0;
    for (const chunk of chunks) {
      await writeAll(file, chunk, at);
      at += chunk.length;
    }
    await file.datasync();
  } finally {
    await file.close();
  }
}

/** What is in a folder: nothing if it does not exist. */
async function list(folder: string): Promise<Dirent[]> {
  try {
    return await readdir(folder, { withFileTypes: true });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}

/** The folders in a folder, and the bytes on the disk of all files in and below it. */
async function measure(folder: string): Promise<{ captures: number; bytes: number }> {
  let [captures, bytes] = [0, 0];
  for (const entry of await list(folder)) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) {
      captures++;
      bytes += (await measure(path)).bytes;
    } else if (entry.isFile()) bytes += (await stat(path)).blocks * 512;
  }
  return { captures, bytes };
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
