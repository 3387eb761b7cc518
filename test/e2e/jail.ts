/** Jails with a small program of ours in them (prisoner.c), and what is left of jails. */
import { execFileSync } from 'node:child_process';
import { closeSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync } from 'node:fs';
import { Socket } from 'node:net';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { Test } from 'tap';
import { type Launched, Launcher, type LaunchOrder, type Shown } from '../../src/farm/qemu/launcher.js';
import { native } from '../../src/native/addon.js';

/** Why there can be no jails here, or false. For tap's `skip`. */
export const noJails: string | false =
  process.getuid?.() === 0 ? false : 'needs root: machines can be jailed by nobody else';

const source = fileURLToPath(new URL('../../../test/e2e/prisoner.c', import.meta.url));
const MEGABYTE = 2 ** 20;
/** Milliseconds for something to come to an end. */
const PATIENCE = 20_000;

/** Compiles the prisoner into a folder that goes with the test. */
export function compilePrisoner(t: Test): { program: string; folder: string } {
  const folder = mkdtempSync('/var/tmp/potemkin-jail-');
  t.teardown(() => rmSync(folder, { recursive: true }));
  const program = join(folder, 'prisoner');
  execFileSync('cc', ['-O1', '-static', '-Wall', '-Wextra', '-Werror', '-o', program, source]);
  return { program, folder };
}

export function shownTo(program: string, data: readonly string[] = []): Shown {
  return { data, programs: [program], devices: ['/dev/null'] };
}

/** A prisoner, and what it says. */
export interface Prisoner extends Launched {
  readonly id: number;
  readonly slot: number;
  /** Its lines so far. */
  readonly said: string[];
  /** All its lines, when it has ended. */
  lines(): Promise<string[]>;
  /** Waits for a line that begins like this. */
  saying(start: string): Promise<string>;
}

export interface Order extends Partial<Pick<LaunchOrder, 'slot' | 'limits'>> {
  /** It has them as 4, 5, 6 … */
  readonly fds?: readonly number[];
}

/** A launcher that shows its machines only the prisoner. It is closed at the end of the test. */
export class Prison {
  readonly launcher: Launcher;
  readonly program: string;
  private last = 0;

  constructor(launcher: Launcher, program: string) {
    this.launcher = launcher;
    this.program = program;
  }

  static async open(t: Test, program: string, shown = shownTo(program)): Promise<Prison> {
    const launcher = await Launcher.start({ shown, slots: 4 });
    t.teardown(() => launcher.close());
    return new Prison(launcher, program);
  }

  async start(words: readonly string[], { slot = 0, limits, fds = [] }: Order = {}): Promise<Prisoner> {
    const [ours, theirs] = native.streamPair();
    const socket = new Socket({ fd: ours, readable: true, writable: false });
    const id = ++this.last;
    try {
      const launched = await this.launcher.launch({
        id,
        slot,
        argv: [this.program, ...words],
        fds: [theirs, ...fds],
        limits: limits ?? { memory: 64 * MEGABYTE, fileBytes: 0 },
      });
      return { ...launched, id, slot, ...listen(socket, launched.ended) };
    } catch (error) {
      socket.destroy();
      throw error;
    } finally {
      closeSync(theirs);
    }
  }
}

function listen(socket: Socket, ended: Promise<unknown>): Pick<Prisoner, 'said' | 'lines' | 'saying'> {
  const said: string[] = [];
  let rest = '';
  socket.setEncoding('utf8').on('data', (piece: string) => {
    const lines = (rest + piece).split('\n');
    rest = lines.pop()!;
    said.push(...lines);
  });
  const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()));
  return {
    said,
    async lines() {
      await Promise.all([closed, ended]);
      return said;
    },
    async saying(start) {
      await until(`it says ${start}`, () => said.some((line) => line.startsWith(start)));
      return said.find((line) => line.startsWith(start))!;
    },
  };
}

/** Waits until something is so, and not for ever. */
export async function until(what: string, isSo: () => boolean): Promise<void> {
  for (const end = performance.now() + PATIENCE; !isSo(); await setTimeout(5)) {
    if (performance.now() > end) throw new Error(`not so in ${PATIENCE / 1000} s: ${what}`);
  }
}

const read = (path: string): string => {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    // The process has ended.
    return '';
  }
};

const pids = () =>
  readdirSync('/proc')
    .map(Number)
    .filter((pid) => pid > 0);

/** A fact of /proc/PID/status, or '' if there is no such process. */
export const statusOf = (pid: number, name: string): string =>
  new RegExp(`^${name}:\\s*(.*)$`, 'm').exec(read(`/proc/${pid}/status`))?.[1] ?? '';

export const runs = (pid: number): boolean => !['', 'Z (zombie)', 'X (dead)'].includes(statusOf(pid, 'State'));

/** All processes of a user. */
export const processesOf = (user: number): number[] =>
  pids().filter((pid) => statusOf(pid, 'Uid').startsWith(`${user}\t`) && runs(pid));

export const childrenOf = (parent: number): number[] => pids().filter((pid) => statusOf(pid, 'PPid') === `${parent}`);

/** The launchers of this process: each one's guard, and its server. */
export function launchersOf(parent: number): { guard: number; server: number }[] {
  return childrenOf(parent)
    .filter((pid) => statusOf(pid, 'Name').startsWith('potemkin-launch'))
    .map((guard) => ({ guard, server: childrenOf(guard)[0]! }));
}

/** Control groups, in all hierarchies, of the launchers of a process. */
export function groupsOf(pid: number): string[] {
  return [...readFileSync('/proc/self/mountinfo', 'utf8').matchAll(/^(?:\S+ ){4}(\S+) .* - cgroup2? /gm)].flatMap(
    ([, mount]) =>
      readdirSync(mount!)
        .filter((name) => name.startsWith(`potemkin-${pid}-`))
        .map((name) => join(mount!, name)),
  );
}

const SPACES = ['cgroup', 'ipc', 'mnt', 'net', 'pid', 'uts'] as const;

/** The namespaces that a process is in, all but the user's. */
export const namespacesOf = (pid: number): string[] => SPACES.map((name) => readlinkSync(`/proc/${pid}/ns/${name}`));

/** Descriptors that this process has. */
export const openFiles = (): number => readdirSync('/proc/self/fd').length;
