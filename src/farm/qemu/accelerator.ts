import { spawn } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { QEMU } from './command-line.js';

/** What runs a guest's code: the processor itself, or QEMU's translation of it. */
export type Accelerator = 'kvm' | 'tcg';

export interface Choice {
  readonly accelerator: Accelerator;
  /** Why it is this one, in words. */
  readonly reason: string;
}

const DEVICE = '/dev/kvm';
/** What a kernel that has nothing to run says at the end of its boot: then it has run. */
const ALIVE = /Kernel panic - not syncing: VFS|Attempted to kill init|No working init found/;
/** Milliseconds for a kernel to get there. Under a KVM that works it takes a second or two. */
const PATIENCE = 20_000;
/** Characters of its console that are looked at. */
const CONSOLE = 1 << 20;

/** Whether a kernel without anything to run boots to its end. */
export function boots(kernel: string, accelerator: Accelerator, milliseconds = PATIENCE): Promise<boolean> {
  const machine = [
    '-machine',
    `pc,accel=${accelerator}`,
    '-m',
    '128',
    '-nodefaults',
    '-no-user-config',
    '-display',
    'none',
  ];
  const guest = ['-kernel', kernel, '-append', 'console=ttyS0 panic=0', '-serial', 'stdio', '-no-reboot'];
  const child = spawn(QEMU, [...machine, ...guest], {
    stdio: ['ignore', 'pipe', 'ignore'],
    timeout: milliseconds,
    killSignal: 'SIGKILL',
  });
  return new Promise((resolve) => {
    let console = '';
    child.stdout.setEncoding('latin1').on('data', (piece: string) => {
      console += piece;
      if (!ALIVE.test(console) && console.length < CONSOLE) return;
      resolve(ALIVE.test(console));
      child.kill('SIGKILL');
    });
    child.on('error', () => resolve(false));
    child.on('close', () => resolve(false));
  });
}

/**
 * KVM where a guest has really run under it, else TCG. That /dev/kvm is there, or that a virtual machine can be created,
 * proves nothing: under some hypervisors guests get nowhere.
 * @param kernel a Linux kernel for the trial; without one there is none, and KVM is not trusted.
 */
export async function chooseAccelerator(kernel: string | undefined): Promise<Choice> {
  try {
    accessSync(DEVICE, constants.R_OK | constants.W_OK);
  } catch (error) {
    return { accelerator: 'tcg', reason: `${DEVICE} cannot be used: ${(error as NodeJS.ErrnoException).code}` };
  }
  if (kernel === undefined) return { accelerator: 'tcg', reason: `there is no kernel to try ${DEVICE} with` };
  if (await boots(kernel, 'kvm')) return { accelerator: 'kvm', reason: 'a guest ran under KVM' };
  return { accelerator: 'tcg', reason: `${DEVICE} is there, but no guest ran under it in ${PATIENCE / 1000} s` };
}
