import { readFileSync, writeFileSync } from 'node:fs';

/** A process, told apart from a later one of the same number by when it was started (clock ticks since boot). */
export interface ProcessId {
  readonly pid: number;
  readonly started: string;
}

/** The process that has this number now; undefined if there is none, or it has ended. See proc(5). */
export function identify(pid: number): ProcessId | undefined {
  let stat: string;
  try {
    stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  } catch {
    return undefined;
  }
  // The program's name stands in parentheses and may hold anything, so count from the last one: state is field 3.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return fields[0] === 'Z' || fields[0] === 'X' ? undefined : { pid, started: fields[19]! };
}

export function runs({ pid, started }: ProcessId): boolean {
  return identify(pid)?.started === started;
}

/** The process that a pid file names, if it still runs. */
export function readPidFile(path: string): ProcessId | undefined {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
  const match = /^(\d+) (\d+)\n$/.exec(text);
  const id = match && { pid: Number(match[1]), started: match[2]! };
  return id && runs(id) ? id : undefined;
}

/** Names a process in a pid file. */
export function writePidFile(path: string, pid: number): void {
  const id = identify(pid);
  if (id) writeFileSync(path, `${id.pid} ${id.started}\n`);
}

const still = new Int32Array(new SharedArrayBuffer(4));

/** Blocks this thread until the process has ended, at most so many milliseconds. Returns whether it has. */
function wait(id: ProcessId, milliseconds: number): boolean {
  for (let waited = 0; runs(id); waited += 10) {
    if (waited >= milliseconds) return false;
    Atomics.wait(still, 0, 0, 10);
  }
  return true;
}

/** Milliseconds that a process has to end by itself, and that the kernel has to end it. */
const GRACE = 2000;

/** Ends a process and waits until it is gone. It blocks, so that it can be used while this process is ending. */
export function stop(id: ProcessId): void {
  for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
    if (!runs(id)) return;
    try {
      process.kill(id.pid, signal);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ESRCH') return;
      throw error;
    }
    if (wait(id, GRACE)) return;
  }
}
