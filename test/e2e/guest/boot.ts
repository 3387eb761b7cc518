/** Guests for tests: Linux in QEMU, in software, with one network interface that is a TAP device of a namespace. */
import { execFileSync, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Test } from 'tap';
import { noNamespaces } from '../netns.js';

const top = new URL('../../../../', import.meta.url);
const file = (path: string) => fileURLToPath(new URL(path, top));

const KERNEL = file('.cache/guest/linux/vmlinuz');
export const QEMU = 'qemu-system-x86_64';

function isProgram(name: string): boolean {
  return (process.env.PATH ?? '').split(':').some((folder) => existsSync(`${folder}/${name}`));
}

/** Why there can be no guests here, or false. For tap's `skip`. */
export function noGuests(): string | false {
  if (noNamespaces) return noNamespaces;
  const packages = { [QEMU]: 'qemu-system-x86', cpio: 'cpio', gcc: 'g++' };
  for (const [program, name] of Object.entries(packages))
    if (!isProgram(program)) return `${program} is missing: install the Debian package ${name}`;
  if (!existsSync(KERNEL)) return 'there is no kernel for guests: run scripts/guest/kernel';
  if (!existsSync(file('.cache/guest/packages/busybox-static.deb')))
    return 'there are no packages for guests: run scripts/guest/packages';
  if (!existsSync('/dev/net/tun')) return 'there is no /dev/net/tun';
  return false;
}

export interface GuestOptions {
  /** Where the TAP device is. */
  readonly netns: string;
  readonly tap: string;
  /** The script in this folder that is /init. */
  readonly init: string;
  readonly modules: readonly string[];
  /** Becomes the environment of /init, by way of the kernel's command line. */
  readonly environment: Readonly<Record<string, string>>;
  /** After which it is ended. */
  readonly seconds: number;
  /** Gets the console, a line a call. */
  onLine?(line: string): void;
}

/**
 * Boots a guest and waits until it has powered itself off. It is gone at the end of the test, whatever happens.
 * @returns what was on the console
 * @throws if it was not off in time, with the console
 */
export async function boot(t: Test, options: GuestOptions): Promise<string[]> {
  const pack = [file(`test/e2e/guest/${options.init}`), ...options.modules];
  const initramfs = execFileSync(file('scripts/guest/initramfs'), pack, { encoding: 'utf8' }).trim();
  const environment = Object.entries(options.environment).map(([name, value]) => `${name}="${value}"`);
  const words = ['console=ttyS0', 'quiet', 'panic=-1', 'ipv6.disable=1', ...environment];
  // pc is slower to boot than microvm, and the one whose timers work under load.
  const machine = ['-machine', 'pc,accel=tcg', '-m', '128', '-nodefaults', '-no-user-config', '-display', 'none'];
  const kernel = ['-kernel', KERNEL, '-initrd', initramfs, '-append', words.join(' '), '-no-reboot'];
  const network = `tap,id=net,ifname=${options.tap},script=no,downscript=no`;
  const devices = ['-serial', 'stdio', '-netdev', network, '-device', 'e1000,netdev=net,romfile='];
  const child = spawn('ip', ['netns', 'exec', options.netns, QEMU, ...machine, ...kernel, ...devices], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let inTime = true;
  const timer = setTimeout(() => {
    inTime = false;
    child.kill('SIGKILL');
  }, options.seconds * 1000);
  const ended = new Promise<number | null>((resolve) => child.on('close', resolve));
  t.teardown(async () => {
    child.kill('SIGKILL');
    await ended;
  });

  const lines: string[] = [];
  let rest = '';
  child.stdout.setEncoding('latin1').on('data', (piece: string) => {
    const pieces = (rest + piece).split(/\r*\n/);
    rest = pieces.pop()!;
    for (const line of pieces) {
      lines.push(line);
      options.onLine?.(line);
    }
  });
  let complaint = '';
  child.stderr.setEncoding('utf8').on('data', (piece: string) => {
    complaint += piece;
  });
  const status = await ended;
  clearTimeout(timer);
  if (inTime && status === 0) return lines;
  const what = inTime ? `QEMU ended with ${status}` : `the guest was not off in ${options.seconds} s`;
  throw new Error([what, complaint, ...lines, rest].join('\n'));
}
