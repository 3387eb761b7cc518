import { execFile } from 'node:child_process';
import { closeSync, readFileSync, writeSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { promisify } from 'node:util';
import { native } from '../../native/addon.js';
import { ImageError } from '../image/manifest.js';
import type { DiskFormat } from '../image/recipe.js';

const QEMU_IMG = 'qemu-img';

/**
 * Bytes of a layer's clusters, the least that a write adds to it: those of a clone are memory. A cluster is as large as what
 * most systems write at a time.
 */
const CLUSTER = 4096;
const SECTOR = 512;

/** How disks in other forms than raw begin, or what is written somewhere else in their beginning. */
const SIGNATURES: readonly { readonly form: string; readonly at: number; readonly bytes: string }[] = [
  { form: 'qcow2', at: 0, bytes: 'QFI\xfb' },
  { form: 'vmdk', at: 0, bytes: 'KDMV' },
  { form: 'vmdk', at: 0, bytes: 'COWD' },
  { form: 'vmdk', at: 0, bytes: '# Disk DescriptorFile' },
  { form: 'vhdx', at: 0, bytes: 'vhdxfile' },
  { form: 'vhd', at: 0, bytes: 'conectix' },
  { form: 'vdi', at: 64, bytes: '\x7f\x10\xda\xbe' },
  { form: 'qed', at: 0, bytes: 'QED\0' },
  { form: 'luks', at: 0, bytes: 'LUKS\xba\xbe' },
];

/** Where the fields of a qcow2 disk's header are (docs/interop/qcow2.txt of QEMU). Big-endian. */
const QCOW2 = { version: 4, backing: 8, size: 24, encryption: 32, features: 72, bytes: 104 } as const;
const FEATURE = { dirty: 1, corrupt: 2, dataFile: 4 } as const;

/**
 * The size in bytes of a disk, of which nothing but its header is read, by nobody but us.
 * @throws {ImageError} if it is not in the form that is expected, or names other files, which a stranger could point anywhere
 */
export async function inspectDisk(path: string, format: DiskFormat): Promise<number> {
  const refuse = (why: string): never => {
    throw new ImageError(`${path}: ${why}`);
  };
  const file = await open(path, 'r').catch((error: Error) => {
    throw new ImageError(`cannot read the disk: ${error.message}`);
  });
  try {
    const status = await file.stat();
    if (!status.isFile()) refuse('expected a file that is a disk');
    const header = Buffer.alloc(SECTOR);
    await file.read(header, 0, header.length, 0);
    const found = formOf(header);
    if (found !== format) {
      const advice =
        found === 'qcow2' || found === 'raw'
          ? `'disk ${found}' in the recipe would say so`
          : 'qemu-img convert makes one';
      refuse(`expected a ${format} disk, as its recipe says, not ${found}; ${advice}`);
    }
    if (format === 'qcow2') return readQcow2(header, refuse);
    if (status.size === 0 || status.size % SECTOR !== 0) refuse(`expected whole sectors, not ${status.size} bytes`);
    return status.size;
  } finally {
    await file.close();
  }
}

function formOf(header: Buffer): string {
  const signature = SIGNATURES.find(({ at, bytes }) => header.toString('latin1', at, at + bytes.length) === bytes);
  return signature?.form ?? 'raw';
}

/** @returns the size of the disk */
function readQcow2(header: Buffer, refuse: (why: string) => never): number {
  const version = header.readUInt32BE(QCOW2.version);
  if (version !== 2 && version !== 3) refuse(`expected version 2 or 3 of qcow2, not ${version}`);
  if (header.readBigUInt64BE(QCOW2.backing) !== 0n)
    refuse('it lies on another file; qemu-img convert makes one disk of both');
  if (header.readUInt32BE(QCOW2.encryption) !== 0) refuse('it is encrypted; qemu-img convert makes one that is not');
  if (version === 3) {
    const features = header.readUInt32BE(QCOW2.features + 4);
    if (features & FEATURE.dataFile) refuse('its data are in another file; qemu-img convert makes one disk of both');
    if (features & (FEATURE.dirty | FEATURE.corrupt))
      refuse('it is in use, damaged, or was not closed; qemu-img check -r all repairs it');
  }
  const size = header.readBigUInt64BE(QCOW2.size);
  if (size === 0n || size % BigInt(SECTOR) !== 0n || size > BigInt(Number.MAX_SAFE_INTEGER))
    refuse(`expected whole sectors, not ${size} bytes`);
  return Number(size);
}

/** Makes an empty layer for a disk of so many bytes. */
export async function createLayer(file: string, bytes: number): Promise<void> {
  const options = ['-f', 'qcow2', '-o', `cluster_size=${CLUSTER}`];
  await promisify(execFile)(QEMU_IMG, ['create', '-q', ...options, '--', file, String(bytes)]).catch(
    ({ code, stderr, message }: NodeJS.ErrnoException & { stderr?: string }) => {
      const missing = `${QEMU_IMG} is missing (Debian package qemu-utils)`;
      throw new ImageError(code === 'ENOENT' ? missing : stderr?.trim() || message);
    },
  );
}

/** The top layer of a clone's disk, in memory: a copy of an empty one. The caller closes the descriptor. */
export function copyLayer(empty: string): number {
  const bytes = readFileSync(empty);
  const fd = native.memoryFile('potemkin-disk', 0);
  try {
    writeSync(fd, bytes);
  } catch (error) {
    closeSync(fd);
    throw error;
  }
  return fd;
}
