import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Nic, Recipe } from './recipe.js';

const top = new URL('../../../../', import.meta.url);
const pathOf = (path: string) => fileURLToPath(new URL(path, top));

/** The kernel modules that a NIC needs. */
const MODULES: Readonly<Record<Nic, readonly string[]>> = {
  e1000: ['e1000'],
  rtl8139: ['8139cp'],
  'virtio-net-pci': ['virtio_pci', 'virtio_net'],
};

/** The kernel of guests, if it is there. */
export const GUEST_KERNEL = pathOf('.cache/guest/linux/vmlinuz');

/** What a machine boots from: paths of files, which stay as they are. */
export interface Boot {
  readonly kernel: string;
  readonly initramfs: string;
}

export interface BuildOptions {
  /** Gets told what is being done, a line a call. */
  readonly progress?: (line: string) => void;
  /** Packs the initramfs into this file, whether one of the same content is in the cache or not. */
  readonly out?: string;
}

/** Runs a script of this project and returns what it printed; it fails with the last line of what it complained of. */
function run(script: string, args: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(pathOf(script), args, { stdio: ['ignore', 'pipe', 'pipe'] });
    let out = '';
    let complaint = '';
    child.stdout.setEncoding('utf8').on('data', (piece: string) => {
      out += piece;
    });
    child.stderr.setEncoding('utf8').on('data', (piece: string) => {
      complaint += piece;
    });
    child.on('error', reject);
    child.on('close', (status, signal) => {
      if (status === 0) resolve(out.trim());
      else reject(new Error(complaint.trim().split('\n').at(-1) || `${script} ended with ${status ?? signal}`));
    });
  });
}

/**
 * Gets the kernel and packs the initramfs of a recipe, from Debian's packages and sources of this project. What was
 * fetched or packed before is used again: the same sources and packages give the same bytes.
 * @throws if the recipe boots from a disk alone, or a package cannot be had, with the reason
 */
export async function buildInitramfs({ linux, nic }: Recipe, { progress, out }: BuildOptions = {}): Promise<Boot> {
  if (!linux) throw new Error('this image boots from its disk: there is nothing to build');
  progress?.('getting the kernel of Debian');
  await run('scripts/guest/kernel', []);
  progress?.('getting packages of Debian');
  await run('scripts/guest/packages', []);
  progress?.(`packing the initramfs ${linux.initramfs}`);
  const where = out === undefined ? [] : ['-o', out];
  const initramfs = await run('scripts/guest/initramfs', [
    ...where,
    pathOf(`guest/${linux.initramfs}`),
    ...MODULES[nic],
  ]);
  return { kernel: GUEST_KERNEL, initramfs };
}
