import { execFile } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const execute = promisify(execFile);

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
/** The addon's own object files: what is measured is what runs. */
const OBJECTS = join(ROOT, 'build/Release/obj.target/potemkin/native');
const FLAGS = ['-std=c++20', '-O3', '-Wall', '-Wextra', '-Wconversion', '-Werror', `-I${ROOT}native`];

/** Where the objects of programs may lie. */
export const FOLDER = join(ROOT, 'build/bench');

/** Why nothing can be linked here, if so. */
export const unbuilt = (): string | undefined =>
  existsSync(OBJECTS) ? undefined : 'the addon is not built: npm run setup';

/** Builds a program of this folder with the addon's native parts, but for those that know Node.js. */
export async function linkNative(name: string, program: string): Promise<void> {
  const objects = readdirSync(OBJECTS).filter((file) => file.endsWith('.o'));
  const sources = [join(ROOT, `bench/native/${name}.cc`), ...objects.map((file) => join(OBJECTS, file))];
  await execute('c++', [...FLAGS, ...sources, '-o', program]);
}
