import { execFile } from 'node:child_process';
import { cpus } from 'node:os';
import { promisify } from 'node:util';
import { ImageError, type Manifest } from '../image/manifest.js';
import { QEMU } from './command-line.js';

/** @throws {ImageError} if there is no QEMU. */
export async function qemuVersion(): Promise<string> {
  const { stdout } = await promisify(execFile)(QEMU, ['--version'], { encoding: 'utf8' }).catch((error: Error) => {
    throw new ImageError(`QEMU does not run (Debian package qemu-system-x86): ${error.message}`);
  });
  return stdout.split('\n')[0]!.replace(/^QEMU emulator version /, '');
}

export function processor(): string {
  return cpus()[0]?.model ?? 'unknown';
}

/** @throws {ImageError} if this machine's QEMU cannot restore what the image's has saved. */
export function checkVersion(image: Manifest, qemu: string): void {
  const refuse = (what: string, frozen: string, here: string) => {
    throw new ImageError(`image ${image.name} was frozen ${what} ${frozen}, and this is ${here}; freeze it again`);
  };
  if (image.qemu !== qemu) refuse('by QEMU', image.qemu, qemu);
  const { accelerator } = image.hardware;
  if (accelerator === 'kvm' && image.processor !== processor()) refuse('on a', image.processor, processor());
}
