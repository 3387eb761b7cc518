import { readFileSync } from 'node:fs';

/**
 * Processor time of this thread in ns, to about a millisecond. Other processes, and V8's own helper threads, are not in it, so
 * it says what the work costs even on a machine that is busy.
 */
export function threadTime(): number {
  try {
    return Number(readFileSync('/proc/thread-self/schedstat', 'latin1').split(' ')[0]);
  } catch {
    // A kernel without scheduler statistics: the whole process.
    const { user, system } = process.cpuUsage();
    return (user + system) * 1000;
  }
}
