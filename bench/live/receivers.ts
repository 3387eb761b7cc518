import { type ChildProcess, execFileSync, fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { Look, Receiver } from './looks.js';

const ENGINE = fileURLToPath(new URL('./engine.js', import.meta.url));
const SOURCE = fileURLToPath(new URL('../../../bench/receiver/receiver.c', import.meta.url));

const ended = (child: ChildProcess) => child.exitCode !== null || child.signalCode !== null;

async function end(child: ChildProcess): Promise<void> {
  if (ended(child)) return;
  child.kill('SIGKILL');
  await once(child, 'exit');
}

/** The next message, unless the process ends before. */
function next<T>(child: ChildProcess, ask: (take: (value: T) => void) => void): Promise<T> {
  return new Promise((resolve, reject) => {
    const fail = () => reject(new Error('a receiver ended before its time'));
    if (ended(child)) return fail();
    child.once('exit', fail);
    ask((value) => {
      child.off('exit', fail);
      resolve(value);
    });
  });
}

/** Starts the engine with a graph of bench/graphs. @param defines as NAME=VALUE */
export async function startEngine(space: string, graph: string, defines: readonly string[]): Promise<Receiver> {
  const child = fork(ENGINE, [space, graph, ...defines], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  const hear = (take: (look: Look) => void) => child.once('message', (message) => take(message as Look));
  await next(child, hear);
  return {
    look: () =>
      next(child, (take) => {
        hear(take);
        child.send('look');
      }),
    end: () => end(child),
  };
}

/** The receiver in C, compiled for a run of the bench. */
export class Minimal {
  private readonly folder = mkdtempSync(join(tmpdir(), 'potemkin-bench-'));
  private readonly program = join(this.folder, 'receiver');

  /** @throws {Error} if there is no compiler */
  constructor() {
    execFileSync('cc', ['-O2', '-o', this.program, SOURCE]);
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }

  async start(space: string, way: 'ring' | 'blocks' | 'raw', bytes: number): Promise<Receiver> {
    const child = spawn('ip', ['netns', 'exec', space, this.program, way, 'leg', String(bytes)], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    const lines = createInterface({ input: child.stdout });
    const hear = (take: (look: Look) => void) =>
      lines.once('line', (line) => {
        const [received, dropped, processor] = line.split(' ').map(Number) as [number, number, number];
        take({ received, dropped, processor, pauses: [] });
      });
    await next(child, hear);
    return {
      look: () =>
        next(child, (take) => {
          hear(take);
          child.stdin.write('\n');
        }),
      end: () => end(child),
    };
  }
}
