import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { Command } from 'commander';
import { Failure } from '../control/failure.js';
import { type CaptureRecord, readCapture } from '../farm/capture-record.js';
import { capturesFolder, DEFAULT_STATE } from '../farm/state.js';

/** The option of every command that works with what the daemon has stored. */
export const stored = (command: Command): Command =>
  command.option('--state <folder>', 'where the daemon keeps images and captures', DEFAULT_STATE);

/**
 * A capture, given by its name or by the path of its folder.
 * @throws {Failure} if there is none
 */
export async function findCapture(wanted: string, state: string): Promise<{ folder: string; record: CaptureRecord }> {
  const named = join(capturesFolder(state), wanted);
  const folder = !wanted.includes('/') && existsSync(named) ? named : resolve(wanted);
  const record = await readCapture(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw new Failure(error.message);
    throw new Failure(`there is no capture '${wanted}', neither in ${capturesFolder(state)} nor as a folder`);
  });
  return { folder, record };
}
