import '../control/stop-signal.js';
import { readFileSync } from 'node:fs';
import { Command } from 'commander';
import { Failure } from '../control/failure.js';
import { commands } from './commands/index.js';

/** This file is dist/src/cli/main.js when it runs. */
const { version } = JSON.parse(readFileSync(new URL('../../../package.json', import.meta.url), 'utf8')) as {
  version: string;
};

// `potemkin explain | head` is no error.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
  process.exit(0);
});

const program = new Command('potemkin')
  .description('A honeyfarm gateway: a few servers look like millions of Internet hosts.')
  .version(version)
  .showHelpAfterError('(--help tells more)')
  .addHelpText(
    'after',
    `
Examples:
  potemkin check config/farm.click -D LOCAL=192.0.2.2
  potemkin run config/farm.click
  potemkin explain FlowTable`,
  );
for (const command of commands) program.addCommand(command());

try {
  await program.parseAsync();
} catch (error) {
  if (!(error instanceof Failure)) throw error;
  console.error(error.message);
  process.exitCode = 1;
}
