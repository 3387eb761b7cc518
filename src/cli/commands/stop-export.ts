import { userInfo } from 'node:os';
import { Command } from 'commander';
import { command, DEFAULT_URL } from '../ask.js';

/** Who asks, as far as this machine knows. */
export const asker = (): string => process.env['SUDO_USER'] ?? userInfo().username;

/** potemkin stop-export: nothing leaves any more. */
export function stopExport(): Command {
  return new Command('stop-export')
    .summary('stops all export of a running daemon, until a person allows it again')
    .description(
      'Stops all export of a running daemon: from now on no packet leaves, while clones live on and what they do is reflected and recorded. The stop outlives the daemon, and only potemkin allow-export lifts it. Signal USR1 does the same: kill -USR1 PID.',
    )
    .argument('[reason...]', 'why; it is told to whoever asks')
    .option('--at <url>', 'where the daemon listens (potemkin run --listen)', DEFAULT_URL)
    .addHelpText(
      'after',
      `
Examples:
  potemkin stop-export a worm got out
  potemkin stop-export --at http://127.0.0.1:9477
  curl -X POST 'http://127.0.0.1:9477/stop-export?reason=a+worm'`,
    )
    .action(async (reason: string[], { at }: { at: string }) => {
      const query = new URLSearchParams({ by: asker(), reason: reason.join(' ') });
      process.stdout.write(await command(at, `/stop-export?${query}`));
    });
}
