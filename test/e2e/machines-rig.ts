/** Clones that are real machines, in a test: what they need, and what is asked of them from outside. */
import { existsSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Test } from 'tap';
import type { Lab } from '../../src/control/lab/lab.js';
import { attack, noLab } from './lab-rig.js';

const IMAGES = fileURLToPath(new URL('../../../.cache/state/images', import.meta.url));

/** Why there can be no real machines here, or false. For tap's `skip`. */
export function noMachines(): string | false {
  if (noLab) return noLab;
  if (!existsSync('/usr/bin/qemu-system-x86_64')) return 'QEMU is missing: install the Debian package qemu-system-x86';
  if (!existsSync(join(IMAGES, 'linux/manifest.json')))
    return 'there is no image: run bin/potemkin image ensure linux --state .cache/state';
  return false;
}

/** A folder of state of the test's own, with the images that there are. */
export function ownState(t: Test): string {
  const state = mkdtempSync(join(tmpdir(), 'pt-state-'));
  symlinkSync(IMAGES, join(state, 'images'));
  t.teardown(() => rmSync(state, { recursive: true, force: true }));
  return state;
}

const SSH = ['-o', 'StrictHostKeyChecking=no', '-o', 'UserKnownHostsFile=/dev/null', '-o', 'LogLevel=ERROR'];

/** Logs into a machine as an attacker with the password that everybody tries first, and runs commands there. */
export async function ssh(lab: Lab, address: string, commands: string): Promise<string> {
  const { status, out, err } = await attack(
    lab,
    'sshpass',
    ...['-p', 'root', 'ssh', ...SSH, '-o', 'ConnectTimeout=20', `root@${address}`, commands],
  );
  if (status !== 0) throw new Error(`ssh to ${address} ended with ${status}: ${err}`);
  return out;
}

/** Runs work for each of a list, so many at a time, and returns the results in order. */
export async function inParallel<T, R>(list: readonly T[], width: number, work: (one: T) => Promise<R>): Promise<R[]> {
  const results: R[] = [];
  let next = 0;
  const one = async () => {
    for (let i = next++; i < list.length; i = next++) results[i] = await work(list[i]!);
  };
  await Promise.all(Array.from({ length: width }, one));
  return results;
}
