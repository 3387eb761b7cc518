import { execFileSync, fork } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Look } from './looks.js';
import { end, next, Program, type Programs } from './programs.js';

const ENGINE = fileURLToPath(new URL('./engine.js', import.meta.url));

/** What Node.js is told by bin/potemkin. */
function nodeFlags(): string[] {
  const script = readFileSync(new URL('../../../bin/potemkin', import.meta.url), 'utf8');
  return /^exec node (.*?) "/m.exec(script)![1]!.split(' ');
}

/** The processor of all receivers; the sender has another to itself. */
const PROCESSOR = '0';

/** A process that receives. */
export interface Receiver {
  /** @throws {Error} when it has ended */
  look(): Promise<Look>;
  end(): Promise<void>;
}

/** Starts the engine with a graph of bench/graphs. @param defines as NAME=VALUE */
export async function startEngine(space: string, graph: string, defines: readonly string[]): Promise<Receiver> {
  const child = fork(ENGINE, [space, graph, ...defines], {
    execArgv: nodeFlags(),
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  const hear = (take: (look: Look) => void) => child.once('message', (message) => take(message as Look));
  await next(child, hear);
  // The thread that runs JavaScript alone: those that collect garbage and compile go where there is room.
  execFileSync('taskset', ['-p', '-c', PROCESSOR, String(child.pid)], { stdio: 'ignore' });
  return {
    look: () =>
      next(child, (take) => {
        hear(take);
        child.send('look');
      }),
    end: () => end(child),
  };
}

/** What the receiver in C does: see receiver.c. */
export interface Minimal {
  readonly way?: 'ring' | 'blocks' | 'raw' | 'xdp';
  readonly work?: 'walk' | 'read' | 'copy' | 'flows';
  readonly bytes: number;
}

/** Starts the receiver in C. */
export async function startMinimal(
  space: string,
  { receiver }: Programs,
  { way = 'ring', work = 'read', bytes }: Minimal,
): Promise<Receiver> {
  const program = new Program(space, 'taskset', '-c', PROCESSOR, receiver, way, 'leg', String(bytes), work);
  const look = async () => {
    const [received, dropped, processor, kernel] = (await program.ask()) as [number, number, number, number];
    return { received, dropped, processor, kernel, pauses: [] };
  };
  await look();
  return { look, end: () => program.end() };
}
