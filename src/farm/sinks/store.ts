import { mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { formatAddress } from '../../packet/address.js';
import { writeAll } from '../files.js';
import type { Peer } from './peer.js';

export interface SinkStoreOptions {
  /** Folder of what sinks were given; undefined if nothing is to be kept. */
  readonly folder: string | undefined;
  /** What the folder may hold. */
  readonly items: number;
  readonly bytes: number;
  readonly clock: { readonly now: number };
  /** Tells that something could not be written: once for each reason. */
  warn(message: string): void;
}

export type SinkItem = 'mail' | 'request';

/** Items, and their bytes, that may wait to be written. */
const WAITING = 256;
const WAITING_BYTES = 16 * 2 ** 20;
/** What an item takes at least on the disk. */
const BLOCK = 4096;
const PART = '.part';

interface Item {
  readonly name: string;
  readonly suffix: string;
  readonly body: Uint8Array;
  readonly record: string;
}

/**
 * Keeps what sinks were given: of each item a file NAME.json, who gave it and when, and beside it the bytes themselves. Files
 * are written one after the other while packets go on; what there is no room for is counted and forgotten.
 */
export class SinkStore {
  readonly counts = { stored: 0, full: 0, busy: 0, failed: 0 };
  private readonly options: SinkStoreOptions;
  private readonly queue: Item[] = [];
  private queued = 0;
  private items = 0;
  private bytes = 0;
  private last = 0;
  private writing: Promise<void> | undefined;
  private readonly warned = new Set<string>();

  constructor(options: SinkStoreOptions) {
    this.options = options;
  }

  /**
   * Counts what is there, and removes what was left half-written. The first item makes the folder.
   * @throws {Error} if the folder cannot be read
   */
  async open(): Promise<void> {
    const { folder } = this.options;
    if (folder === undefined) return;
    const names = await readdir(folder).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return [];
      throw error;
    });
    for (const name of names) {
      const path = join(folder, name);
      if (name.endsWith(PART)) await rm(path, { force: true });
      else this.bytes += Math.max(BLOCK, (await stat(path)).size);
      if (name.endsWith('.json')) this.items++;
    }
  }

  /**
   * Keeps an item if there is room.
   * @returns its number, by which a server may call it
   */
  add(kind: SinkItem, peer: Peer, suffix: string, body: Uint8Array, facts: object): string {
    const { folder, clock, items, bytes } = this.options;
    const number = ++this.last;
    const id = number.toString(36).toUpperCase().padStart(6, '0');
    if (folder === undefined) return id;
    const time = new Date(clock.now * 1000).toISOString();
    const { universe, clone, address, target, port } = peer;
    const who = { universe, clone, source: formatAddress(address), target: formatAddress(target), port };
    const record = plain(`${JSON.stringify({ kind, time, ...who, ...facts }, undefined, 2)}\n`);
    const item = { suffix, body, record };
    const size = sizeOf(item);
    if (this.items >= items || this.bytes + size > bytes) this.counts.full++;
    else if (this.queue.length >= WAITING || this.queued + size > WAITING_BYTES) this.counts.busy++;
    else {
      this.items++;
      this.bytes += size;
      this.queued += size;
      // Names hold nothing that a stranger has chosen.
      const name = `${time.replaceAll(/[-:.]/g, '')}-${kind}-u${peer.universe}-c${peer.clone}-${process.pid}-${number}`;
      this.queue.push({ ...item, name });
      this.writing ??= this.write(folder);
    }
    return id;
  }

  /** Waits until everything is written. */
  async close(): Promise<void> {
    await this.writing;
  }

  private async write(folder: string): Promise<void> {
    for (let item = this.queue[0]; item; item = this.queue[0]) {
      try {
        await mkdir(folder, { recursive: true, mode: 0o700 });
        const path = join(folder, item.name);
        if (item.body.length > 0) await writeFile(`${path}.${item.suffix}`, item.body);
        await writeFile(`${path}.json`, Buffer.from(item.record));
        this.counts.stored++;
      } catch (error) {
        this.counts.failed++;
        const { code = 'unknown', message } = error as NodeJS.ErrnoException;
        if (!this.warned.has(code)) this.options.warn(`what a sink was given cannot be kept: ${message}`);
        this.warned.add(code);
      }
      this.queue.shift();
      this.queued -= sizeOf(item);
    }
    this.writing = undefined;
  }
}

/** About what an item takes on the disk. */
function sizeOf({ record, body }: Omit<Item, 'name'>): number {
  return Math.max(BLOCK, record.length) + (body.length > 0 ? Math.max(BLOCK, body.length) : 0);
}

/** JSON itself leaves the controls of a terminal that have eight bits as they are. */
function plain(json: string): string {
  return json.replace(/[^\n\P{Cc}]/gu, (c) => `\\u00${c.charCodeAt(0).toString(16).padStart(2, '0')}`);
}

/** Writes a file that appears when it is complete, for its owner alone. */
async function writeFile(path: string, bytes: Uint8Array): Promise<void> {
  const part = `${path}${PART}`;
  try {
    const file = await open(part, 'wx', 0o600);
    try {
      await writeAll(file, bytes, 0);
    } finally {
      await file.close();
    }
    await rename(part, path);
  } catch (error) {
    await rm(part, { force: true });
    throw error;
  }
}
