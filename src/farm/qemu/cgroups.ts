import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';

/** What a machine may use at most. */
export interface Resources {
  /** Bytes of memory, its own and the kernel's for it. */
  readonly memory: number;
  readonly processes: number;
  /** Processors, 1 for one of them all the time. */
  readonly processors: number;
}

/** What is written to a file of a machine's group in one hierarchy. */
export interface Setting {
  /** Number of the hierarchy. */
  readonly group: number;
  readonly file: string;
  readonly value: string;
}

const CONTROLLERS = ['memory', 'pids', 'cpu'] as const;
type Controller = (typeof CONTROLLERS)[number];

/** Microseconds, the longest that there may be: a burst of a machine is not cut off, only what lasts. */
const PERIOD = 1_000_000;

/** Files and values by which each controller limits a group: of version 2, and of version 1 of control groups. */
const LIMITS: Record<2 | 1, Record<Controller, (resources: Resources) => readonly (readonly [string, string])[]>> = {
  2: {
    memory: ({ memory }) => [
      ['memory.max', String(memory)],
      ['memory.swap.max', '0'],
    ],
    pids: ({ processes }) => [['pids.max', String(processes)]],
    cpu: ({ processors }) => [['cpu.max', `${Math.round(processors * PERIOD)} ${PERIOD}`]],
  },
  1: {
    memory: ({ memory }) => [
      ['memory.limit_in_bytes', String(memory)],
      ['memory.swappiness', '0'],
    ],
    pids: ({ processes }) => [['pids.max', String(processes)]],
    cpu: ({ processors }) => [
      ['cpu.cfs_period_us', String(PERIOD)],
      ['cpu.cfs_quota_us', String(Math.round(processors * PERIOD))],
    ],
  },
};

/** Files that a kernel without swap does not have. */
const OPTIONAL: readonly string[] = ['memory.swap.max'];

/** A place where groups can be made. */
interface Hierarchy {
  readonly version: 1 | 2;
  readonly mount: string;
  /** Controllers, of version 1 among other options. */
  readonly options: readonly string[];
}

/** Our folder in a hierarchy, in which the launcher makes a group for each machine. */
export interface GroupFolder {
  readonly version: 1 | 2;
  readonly path: string;
  /** What limits the groups in it. */
  readonly controllers: readonly Controller[];
}

const PREFIX = 'potemkin-';
/** How often to try to remove a group whose processes are about to be gone, and milliseconds in between. */
const TRIES = 100;
const MOMENT = 10;

const codeOf = (error: unknown) => (error as NodeJS.ErrnoException).code;

/** All hierarchies, those of version 2 first, from the text of /proc/self/mountinfo: see proc(5). */
function hierarchies(mountinfo: string): Hierarchy[] {
  const found = mountinfo.split('\n').flatMap((line): Hierarchy[] => {
    const [before, after] = line.split(' - ');
    const mount = before?.split(' ')[4];
    const [type, , options = ''] = after?.split(' ') ?? [];
    if (mount === undefined || (type !== 'cgroup' && type !== 'cgroup2')) return [];
    return [{ version: type === 'cgroup' ? 1 : 2, mount, options: options.split(',') }];
  });
  return found.sort((a, b) => b.version - a.version);
}

/** Removes a folder with the groups in it. @returns false if a group still has processes. */
function removeFolder(folder: string): boolean {
  try {
    for (const entry of readdirSync(folder, { withFileTypes: true })) {
      if (entry.isDirectory()) rmdirSync(join(folder, entry.name));
    }
    rmdirSync(folder);
  } catch (error) {
    if (codeOf(error) === 'EBUSY') return false;
    // Somebody else has removed it.
    if (codeOf(error) !== 'ENOENT') throw error;
  }
  return true;
}

/** Removes what daemons that were killed have left. A group that still has processes stays. */
function removeLeftovers(mount: string, runs: (pid: number) => boolean): void {
  for (const name of readdirSync(mount)) {
    const pid = new RegExp(`^${PREFIX}(\\d+)-\\d+$`).exec(name)?.[1];
    if (pid !== undefined && !runs(Number(pid))) removeFolder(join(mount, name));
  }
}

/** Lets the groups in a group of version 2 have controllers. @returns those that it does not refuse them */
function allow(group: string, controllers: readonly Controller[], refusals: string[]): Controller[] {
  const file = join(group, 'cgroup.subtree_control');
  return controllers.filter((controller) => {
    try {
      // One at a time: one that is refused must not cost the others.
      writeFileSync(file, `+${controller}`);
      return true;
    } catch (error) {
      refusals.push(`${file} refuses ${controller} (${codeOf(error)})`);
      return false;
    }
  });
}

/** Makes a folder in a hierarchy that has any of the controllers. */
function makeFolder(
  { version, mount, options }: Hierarchy,
  name: string,
  wanted: readonly Controller[],
  refusals: string[],
): GroupFolder[] {
  const path = join(mount, name);
  const there = version === 1 ? options : readFileSync(join(mount, 'cgroup.controllers'), 'utf8').trim().split(' ');
  let controllers = wanted.filter((controller) => there.includes(controller));
  if (version === 2) controllers = allow(mount, controllers, refusals);
  if (controllers.length === 0) return [];
  mkdirSync(path);
  if (version === 2) controllers = allow(path, controllers, refusals);
  if (controllers.length > 0) return [{ version, path, controllers }];
  rmdirSync(path);
  return [];
}

let made = 0;

/**
 * The control groups of this host, of version 2 where its controllers are there, else of version 1. In each the machines
 * of one launcher together weigh as much as one group, so that they do not crowd out the daemon.
 */
export class Cgroups {
  readonly folders: readonly GroupFolder[];
  /** Why something could not be used. */
  private readonly refusals: readonly string[];

  /** `mountinfo`: the file that says where they are. `runs`: whether there is a process with this number. */
  constructor({ mountinfo = '/proc/self/mountinfo', runs = isRunning } = {}) {
    const folders: GroupFolder[] = [];
    const refusals: string[] = [];
    const name = `${PREFIX}${process.pid}-${++made}`;
    for (const hierarchy of hierarchies(readFileSync(mountinfo, 'utf8'))) {
      // A hierarchy may be mounted twice.
      const wanted = CONTROLLERS.filter((one) => !folders.some(({ controllers }) => controllers.includes(one)));
      if (hierarchy.version === 1 && !wanted.some((one) => hierarchy.options.includes(one))) continue;
      try {
        removeLeftovers(hierarchy.mount, runs);
        folders.push(...makeFolder(hierarchy, name, wanted, refusals));
      } catch (error) {
        refusals.push((error as Error).message);
      }
    }
    this.folders = folders;
    this.refusals = refusals;
  }

  /** What is written to the groups of a machine. */
  settings(resources: Resources): Setting[] {
    return this.folders.flatMap(({ version, path, controllers }, group) =>
      controllers
        .flatMap((name) => LIMITS[version][name](resources))
        .filter(([file]) => !OPTIONAL.includes(file) || existsSync(join(path, file)))
        .map(([file, value]) => ({ group, file, value })),
    );
  }

  /** Removes what the launcher has left, should it have been killed: to be called when it has ended. */
  async remove(): Promise<void> {
    for (const { path } of this.folders) {
      for (let tries = 0; tries < TRIES && !removeFolder(path); tries++) await setTimeout(MOMENT);
    }
  }

  /** Which limits are in force, in a line. */
  describe(): string {
    const limited = this.folders.flatMap(({ version, controllers }) =>
      controllers.map((name) => `${name} (v${version})`),
    );
    const missing = CONTROLLERS.filter((name) => !this.folders.some(({ controllers }) => controllers.includes(name)));
    const why = this.refusals.length > 0 ? `: ${this.refusals.join('; ')}` : '';
    const without = missing.length > 0 ? `; not limited: ${missing.join(', ')}${why}` : '';
    return `control groups limit ${limited.join(', ') || 'nothing'}${without}`;
  }
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return codeOf(error) !== 'ESRCH';
  }
}
