/** A process that has memory files mapped privately, as a hypervisor has its guest's memory, and does as it is told. */
import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { Test } from 'tap';

/** Commands: `w OFFSET BYTE` writes, `r OFFSET` reads, `s OFFSET` splits the mapping there; each is answered by a line. */
const PROGRAM = `
import mmap, sys
m = mmap.mmap(3, int(sys.argv[1]), flags=mmap.MAP_PRIVATE)
print('ready', flush=True)
for line in sys.stdin:
    word, at, *more = line.split()
    at = int(at)
    if word == 'w': m[at] = int(more[0])
    if word == 's': m.madvise(mmap.MADV_DONTFORK, at)
    print(m[at], flush=True)
`;

export class GuestProcess {
  readonly child: ChildProcess;
  private readonly lines: AsyncIterator<string>;

  constructor(t: Test, fd: number, size: number) {
    this.child = spawn('/usr/bin/python3', ['-c', PROGRAM, String(size)], { stdio: ['pipe', 'pipe', 'inherit', fd] });
    this.lines = createInterface(this.child.stdout!)[Symbol.asyncIterator]();
    t.teardown(() => this.kill());
  }

  get pid(): number {
    return this.child.pid!;
  }

  async ready(): Promise<this> {
    await this.lines.next();
    return this;
  }

  /** Sends a command. @returns the byte that is there then. */
  async tell(command: string): Promise<number> {
    this.child.stdin!.write(`${command}\n`);
    return Number((await this.lines.next()).value);
  }

  async kill(): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    const ended = new Promise((resolve) => this.child.once('exit', resolve));
    this.child.kill('SIGKILL');
    await ended;
  }
}
