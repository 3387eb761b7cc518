import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { greCapture } from '../workload/gre.js';

const source = (name: string) => fileURLToPath(new URL(`../../../bench/${name}/${name}.c`, import.meta.url));

/** Bytes of a record of the workload in front of its frame. */
const HEADER = 16;
/** A record of the sender's file: a length, and the frame (sender.c). */
const RECORD = 128;
const LENGTH = 4;

function framesOf(flows: number): Buffer {
  const [, ...records] = greCapture({ packets: flows, flows });
  return Buffer.concat(
    records.map((record) => {
      const frame = Buffer.alloc(RECORD);
      frame.writeUInt32LE(record.length - HEADER);
      record.copy(frame, LENGTH, HEADER);
      return frame;
    }),
  );
}

/** The programs in C, compiled for a run of the bench, and what the sender sends. */
export class Programs {
  private readonly folder = mkdtempSync(join(tmpdir(), 'potemkin-bench-'));
  readonly sender = join(this.folder, 'sender');
  readonly receiver = join(this.folder, 'receiver');
  readonly frames = join(this.folder, 'frames');

  /** @throws {Error} if there is no compiler */
  constructor(flows: number) {
    try {
      for (const name of ['sender', 'receiver'] as const) execFileSync('cc', ['-O2', '-o', this[name], source(name)]);
      writeFileSync(this.frames, framesOf(flows));
    } catch (error) {
      this.remove();
      throw error;
    }
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** Whether a process has ended. */
export const ended = (child: ChildProcess) => child.exitCode !== null || child.signalCode !== null;

/** The next thing that a process tells, unless it ends before. */
export function next<T>(child: ChildProcess, ask: (take: (value: T) => void) => void): Promise<T> {
  return new Promise((resolve, reject) => {
    const fail = () => reject(new Error(`${child.spawnargs.join(' ')} ended before its time`));
    if (ended(child)) return fail();
    child.once('exit', fail);
    ask((value) => {
      child.off('exit', fail);
      resolve(value);
    });
  });
}

export async function end(child: ChildProcess): Promise<void> {
  if (ended(child)) return;
  child.kill('SIGKILL');
  await once(child, 'exit');
}

/** A program in a network namespace, which answers lines with lines of numbers. */
export class Program {
  readonly child;
  private readonly lines;

  constructor(space: string, ...command: string[]) {
    this.child = spawn('ip', ['netns', 'exec', space, ...command], { stdio: ['pipe', 'pipe', 'inherit'] });
    this.lines = createInterface({ input: this.child.stdout });
  }

  ask(...numbers: number[]): Promise<number[]> {
    return next(this.child, (take) => {
      this.lines.once('line', (line) => take(line.split(' ').map(Number)));
      this.child.stdin.write(`${numbers.join(' ')}\n`);
    });
  }

  end(): Promise<void> {
    return end(this.child);
  }
}
