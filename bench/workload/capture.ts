import { createHash } from 'node:crypto';
import { closeSync, existsSync, mkdirSync, openSync, readSync, renameSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { greCapture } from './gre.js';

const FOLDER = fileURLToPath(new URL('../captures/', import.meta.url));
const CHUNK = 1 << 22;

/** SHA-256 of the captures whose figures are compared with those of other programs, by packets and flows. */
const KNOWN: Readonly<Record<string, string>> = {
  '1000000-1000000': '087bb148',
  '1000000-10000': '752c7eb5',
};

/** The file of a workload, made if it is not there. @throws Error if it is not what it must be. */
export function captureFile(packets: number, flows: number, log: (line: string) => void): string {
  const name = `${packets}-${flows}`;
  const path = join(FOLDER, `gre-${name}.pcap`);
  if (!existsSync(path)) {
    log(`making ${path}`);
    write(path, greCapture({ packets, flows }));
  }
  const expected = KNOWN[name];
  const found = expected && hash(path);
  if (expected && !found!.startsWith(expected)) {
    throw new Error(`${path}: its SHA-256 is ${found}, and should begin with ${expected}; remove the file`);
  }
  return path;
}

/** The file appears under its name only when it is whole. */
function write(path: string, pieces: Iterable<Buffer>): void {
  mkdirSync(FOLDER, { recursive: true });
  const part = `${path}.${process.pid}`;
  const fd = openSync(part, 'w');
  const chunk = Buffer.alloc(CHUNK);
  let used = 0;
  const flush = () => {
    for (let at = 0; at < used; ) at += writeSync(fd, chunk, at, used - at);
    used = 0;
  };
  for (const piece of pieces) {
    if (used + piece.length > CHUNK) flush();
    used += piece.copy(chunk, used);
  }
  flush();
  closeSync(fd);
  renameSync(part, path);
}

function hash(path: string): string {
  const sum = createHash('sha256');
  const fd = openSync(path, 'r');
  const chunk = Buffer.alloc(CHUNK);
  for (let count = readSync(fd, chunk); count > 0; count = readSync(fd, chunk)) sum.update(chunk.subarray(0, count));
  closeSync(fd);
  return sum.digest('hex');
}
