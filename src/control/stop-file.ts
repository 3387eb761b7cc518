import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { threadId } from 'node:worker_threads';
import type { StopCall } from '../pipeline/kill-switch.js';

/** A stop, as it outlives the daemon. */
export interface StopRecord extends StopCall {
  /** When, as ISO 8601. */
  readonly since: string;
  /** Who can say it can read the file, and may lift the stop. */
  readonly key: string;
}

const isText = (value: unknown): value is string => typeof value === 'string' && value !== '';

/** @throws {Error} if it is none */
export function parseStopRecord(text: string): StopRecord {
  const { since, by, reason, key } = (JSON.parse(text) ?? {}) as Record<string, unknown>;
  if (!isText(since) || !isText(by) || typeof reason !== 'string' || !isText(key)) throw new Error('it is no record');
  return { since, by, reason, key };
}

/** The file that says that export is stopped, for as long as it is. Only its owner can read it. */
export class StopFile {
  readonly path: string;

  constructor(path: string) {
    this.path = path;
  }

  /**
   * @returns undefined if there is no such file
   * @throws {Error} if there is one that cannot be read or understood
   */
  read(): StopRecord | undefined {
    try {
      return parseStopRecord(readFileSync(this.path, 'utf8'));
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException;
      if (code === 'ENOENT') return undefined;
      throw new Error(`${this.path}: ${message}`);
    }
  }

  get exists(): boolean {
    return existsSync(this.path);
  }

  /** It is there as a whole, or as it was before, even if the machine fails meanwhile. @throws {Error} */
  write(record: StopRecord): void {
    const folder = dirname(this.path);
    const part = `${this.path}.${process.pid}-${threadId}.part`;
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    const file = openSync(part, 'w', 0o600);
    try {
      writeSync(file, `${JSON.stringify(record)}\n`);
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    renameSync(part, this.path);
    syncFolder(folder);
  }

  /** @throws {Error} if it stays */
  remove(): void {
    rmSync(this.path, { force: true });
    try {
      syncFolder(dirname(this.path));
    } catch (error) {
      // There was no file, nor a folder for it.
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    }
  }
}

function syncFolder(folder: string): void {
  const fd = openSync(folder, 'r');
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}
