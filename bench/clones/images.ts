import {
  closeSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  rmSync,
  symlinkSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  describeFile,
  MANIFEST,
  type Manifest,
  readManifest,
  smallFiles,
  writeManifest,
} from '../../src/farm/image/manifest.js';
import { ImageStore } from '../../src/farm/image/store.js';
import { QEMU } from '../../src/farm/qemu/command-line.js';
import { LETTER_AT, REQUEST_AT, writeLetter } from '../../src/farm/qemu/mailbox.js';
import { frozenPlace, identityLetter } from '../../src/farm/qemu/rehearsal.js';
import type { Cleanup } from '../cleanup.js';

/** The image that is cloned, and what its copy is called whose clones do not know their addresses. */
export const AGENT = 'linux';
export const TRANSLATED = 'translated';

/** Milliseconds since the epoch, to which no clock can be set. */
const BEFORE_TIME = -1000;

/** Why there can be no clones here, if there can be none. */
export function withoutMachines(state: string): string | undefined {
  if (process.getuid?.() !== 0) return 'it makes network namespaces and jails, which takes root';
  if (!existsSync(QEMU)) return `there is no ${QEMU}: apt-get install qemu-system-x86`;
  if (!existsSync(join(new ImageStore(state).path(AGENT), MANIFEST)))
    return `there is no image: bin/potemkin image ensure ${AGENT} --state ${state}`;
  return undefined;
}

/** @returns a folder of state with the image and its copy; it goes in the end. */
export async function ownState(state: string, cleanup: Cleanup): Promise<string> {
  const from = new ImageStore(state).path(AGENT);
  const own = mkdtempSync(join(tmpdir(), 'potemkin-bench-'));
  cleanup.add(() => rmSync(own, { recursive: true, force: true }));
  const images = join(own, 'images');
  mkdirSync(images);
  symlinkSync(from, join(images, AGENT));
  await translate(from, join(images, TRANSLATED));
  return own;
}

/** Copies an image into one without an agent: the one that is there finds a letter that keeps it from looking for others. */
async function translate(from: string, to: string): Promise<void> {
  const { mailbox, ...manifest } = await readManifest(from);
  mkdirSync(to);
  for (const { name } of smallFiles({ mailbox, ...manifest })) symlinkSync(join(from, name), join(to, name));
  const { name } = manifest.memory;
  const path = join(to, name);
  copyFileSync(join(from, name), path);
  if (mailbox !== undefined) post(path, mailbox, manifest);
  await writeManifest(to, {
    ...{ ...manifest, mailbox: undefined, name: TRANSLATED, identity: 'translate' },
    memory: await describeFile(to, name),
  });
}

/**
 * Puts a letter into the mailbox of a frozen memory that is the last one and sets nothing: with its time, which comes
 * before all that could be told from outside, the agent gives up.
 */
function post(path: string, mailbox: number, image: Omit<Manifest, 'mailbox'>): void {
  const place = frozenPlace(image);
  const request = Buffer.alloc(4);
  // No other than what it was when the image was frozen, whatever that was.
  request.writeUInt32LE(0x7fffffff);
  const file = openSync(path, 'r+');
  try {
    const identity = { ...place, hostname: AGENT };
    const letter = writeLetter({ ...identityLetter(image, identity, place, true), time: BEFORE_TIME });
    writeSync(file, letter, 0, letter.length, mailbox + LETTER_AT);
    writeSync(file, request, 0, request.length, mailbox + REQUEST_AT);
  } finally {
    closeSync(file);
  }
}
