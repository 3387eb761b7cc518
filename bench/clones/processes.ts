/** What processes use, as /proc tells it: see proc(5). */
import { readdirSync, readFileSync } from 'node:fs';

/** Milliseconds of the clock tick in which /proc/PID/stat counts. */
const TICK = 10;

const read = (pid: number, file: string) => readFileSync(`/proc/${pid}/${file}`, 'latin1');

/** What `look` finds, or `gone` if the process ended meanwhile. */
function whileThere<T>(look: () => T, gone: T): T {
  try {
    return look();
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'ENOENT' && code !== 'ESRCH') throw error;
    return gone;
  }
}

/** Milliseconds of processor time of all threads that a process has. Waiting for a processor is not in it. */
export function processorTime(pid: number): number {
  const threads = whileThere(() => readdirSync(`/proc/${pid}/task`), []);
  const ns = threads.map((thread) => whileThere(() => Number(read(pid, `task/${thread}/schedstat`).split(' ')[0]), 0));
  return ns.reduce((sum, one) => sum + one, 0) / 1e6;
}

/** Milliseconds of processor time of the children that have ended, to a tick. */
export function childrenTime(pid: number): number {
  const stat = read(pid, 'stat');
  // The program's name may hold anything.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[13]) + Number(fields[14])) * TICK;
}

function childrenOf(pid: number): number[] {
  const threads = whileThere(() => readdirSync(`/proc/${pid}/task`), []);
  return threads
    .flatMap((thread) => whileThere(() => read(pid, `task/${thread}/children`), '').split(' '))
    .filter(Boolean)
    .map(Number);
}

/** The process and all that descend from it, with the names of their programs. */
export function family(pid: number): { pid: number; name: string }[] {
  const name = whileThere(() => read(pid, 'comm').trim(), '');
  return [{ pid, name }, ...childrenOf(pid).flatMap(family)];
}

/** What machines are called, and the two processes of a launcher. */
const isMachine = ({ name }: { name: string }) => name.startsWith('qemu-system');
const isLauncher = ({ name }: { name: string }) => name.startsWith('potemkin-');

/** The processes of a gateway, by what they are. */
export function gatewayProcesses(pid: number) {
  const all = family(pid);
  const pids = (of: typeof all) => of.map((one) => one.pid);
  const launchers = pids(all.filter(isLauncher));
  return {
    /** Of the launcher's two, the second is the parent of all machines. */
    launchers,
    machines: pids(all.filter(isMachine)),
    all: pids(all),
  };
}

export const openFiles = (pid: number): number => whileThere(() => readdirSync(`/proc/${pid}/fd`).length, 0);

/** Bytes, by the names of /proc/PID/smaps_rollup. */
export function rollup(pid: number, ...names: string[]): number {
  const text = whileThere(() => read(pid, 'smaps_rollup'), '');
  return names.reduce((sum, name) => sum + Number(new RegExp(`^${name}: +(\\d+)`, 'm').exec(text)?.[1] ?? 0) * 1024, 0);
}
