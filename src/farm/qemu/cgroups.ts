import { mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

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
    memory: ({ memory }) => [['memory.limit_in_bytes', String(memory)]],
    pids: ({ processes }) => [['pids.max', String(processes)]],
    cpu: ({ processors }) => [
      ['cpu.cfs_period_us', String(PERIOD)],
      ['cpu.cfs_quota_us', String(Math.round(processors * PERIOD))],
    ],
  },
};

/** A place where groups can be made, and what they limit. */
interface Hierarchy {
  readonly version: 1 | 2;
  readonly mount: string;
  readonly controllers: readonly Controller[];
}

/** Our folder in a hierarchy, in which the launcher makes a group for each machine. */
export interface GroupFolder extends Hierarchy {
  readonly path: string;
}

const PREFIX = 'potemkin-';

/** All hierarchies with a controller that we want, from the text of /proc/self/mountinfo: see proc(5). */
function hierarchies(mountinfo: string): Hierarchy[] {
  return mountinfo.split('\n').flatMap((line): Hierarchy[] => {
    const [before, after] = line.split(' - ');
    const mount = before?.split(' ')[4];
    const [type, , options = ''] = after?.split(' ') ?? [];
    if (mount === undefined || (type !== 'cgroup' && type !== 'cgroup2')) return [];
    const there =
      type === 'cgroup'
        ? options.split(',')
        : readFileSync(join(mount, 'cgroup.controllers'), 'utf8').trim().split(' ');
    const controllers = CONTROLLERS.filter((name) => there.includes(name));
    return controllers.length === 0 ? [] : [{ version: type === 'cgroup' ? 1 : 2, mount, controllers }];
  });
}

/** Removes what daemons that were killed have left. A group that still has processes stays. */
function removeLeftovers(mount: string, runs: (pid: number) => boolean): void {
  for (const name of readdirSync(mount)) {
    const pid = new RegExp(`^${PREFIX}(\\d+)-\\d+$`).exec(name)?.[1];
    if (pid === undefined || runs(Number(pid))) continue;
    const folder = join(mount, name);
    const groups = readdirSync(folder, { withFileTypes: true }).filter((entry) => entry.isDirectory());
    try {
      for (const group of groups) rmdirSync(join(folder, group.name));
      rmdirSync(folder);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EBUSY') throw error;
    }
  }
}

function makeFolder(hierarchy: Hierarchy, name: string): GroupFolder {
  const { version, mount, controllers } = hierarchy;
  const path = join(mount, name);
  const enable = controllers.map((controller) => `+${controller}`).join(' ');
  if (version === 2) writeFileSync(join(mount, 'cgroup.subtree_control'), enable);
  mkdirSync(path);
  if (version === 2) writeFileSync(join(path, 'cgroup.subtree_control'), enable);
  return { ...hierarchy, path };
}

let made = 0;

/**
 * The control groups of this machine, of version 2 where its controllers are there, else of version 1. In each the
 * machines of one launcher together weigh as much as one group, so that they do not crowd out the daemon.
 */
export class Cgroups {
  readonly folders: readonly GroupFolder[];
  /** Why a hierarchy could not be used. */
  private readonly refusals: readonly string[];

  constructor({ mountinfo = '/proc/self/mountinfo', runs = isRunning } = {}) {
    const folders: GroupFolder[] = [];
    const refusals: string[] = [];
    const name = `${PREFIX}${process.pid}-${++made}`;
    for (const hierarchy of hierarchies(readFileSync(mountinfo, 'utf8'))) {
      try {
        removeLeftovers(hierarchy.mount, runs);
        folders.push(makeFolder(hierarchy, name));
      } catch (error) {
        refusals.push((error as Error).message);
      }
    }
    this.folders = folders;
    this.refusals = refusals;
  }

  /** What is written to the groups of a machine. */
  settings(resources: Resources): Setting[] {
    return this.folders.flatMap(({ version, controllers }, group) =>
      controllers.flatMap((name) => LIMITS[version][name](resources).map(([file, value]) => ({ group, file, value }))),
    );
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
    return (error as NodeJS.ErrnoException).code !== 'ESRCH';
  }
}
