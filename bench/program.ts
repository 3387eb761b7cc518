import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const execute = promisify(execFile);

/** Runs a program that times itself over packets. @returns ns for each */
export type TimedProgram = (...args: string[]) => Promise<number>;

/** Lets `use` have a folder, which goes with all that is in it. @returns what that does */
export async function withFolder<T>(parent: string, use: (folder: string) => Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(parent, 'potemkin-bench-'));
  try {
    return await use(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Lets `compile` make a program at a path, and `use` run it. @returns what that does */
export function withProgram<T>(
  compile: (program: string) => Promise<unknown>,
  use: (run: TimedProgram) => Promise<T>,
): Promise<T> {
  return withFolder(tmpdir(), async (folder) => {
    const program = join(folder, 'program');
    await compile(program);
    return await use(async (...args) => readTime((await execute(program, args)).stdout));
  });
}

/** Reads what such a program prints. @throws Error if it is something else */
export function readTime(text: string): number {
  const found = /^\d+ packets, ([\d.]+) ns each\n$/.exec(text);
  if (!found) throw new Error(`expected packets and ns, but came: ${text}`);
  return Number(found[1]);
}
