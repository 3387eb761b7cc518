import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { Command } from 'commander';
import type { ExportState } from '../../control/export-control.js';
import { Failure } from '../../control/failure.js';
import { parseStopRecord } from '../../control/stop-file.js';
import { STOP_FILE } from '../../farm/state.js';
import { ask, command, DEFAULT_URL } from '../ask.js';
import { asker } from './stop-export.js';

/** The key in the file of a stop. */
function keyOf(path: string): string {
  // Whoever answers must not have us read any other file.
  if (basename(path) !== STOP_FILE) throw new Failure(`expected a file ${STOP_FILE}, not ${path}`);
  try {
    return parseStopRecord(readFileSync(path, 'utf8')).key;
  } catch (error) {
    throw new Failure(
      `${path}: ${(error as Error).message}; export is allowed by who can read this file, on the machine of the daemon; potemkin stop-export writes it again`,
    );
  }
}

/** potemkin allow-export: lifts a stop. */
export function allowExport(): Command {
  return new Command('allow-export')
    .summary('lifts a stop of export')
    .description(
      'Lifts a stop of export, whoever or whatever stopped it: what policy licenses leaves again. It is asked for on the machine of the daemon, by who can read its folder of state.',
    )
    .argument('<reason...>', 'why it is safe; it is kept with the events')
    .option('--at <url>', 'where the daemon listens (potemkin run --listen)', DEFAULT_URL)
    .addHelpText(
      'after',
      `
Examples:
  potemkin allow-export the worm was a false alarm
  potemkin allow-export --at http://127.0.0.1:9477 policy mended`,
    )
    .action(async (reason: string[], { at }: { at: string }) => {
      const state = await ask<ExportState>(at, '/export');
      const key = state.stopped && state.file !== undefined ? keyOf(state.file) : undefined;
      const query = new URLSearchParams({ by: asker(), reason: reason.join(' ') });
      const headers = key === undefined ? {} : { authorization: `Bearer ${key}` };
      process.stdout.write(await command(at, `/allow-export?${query}`, headers));
    });
}
