import type { Command } from 'commander';
import { Failure } from '../control/failure.js';

export const DEFAULT_URL = 'http://127.0.0.1:9477';

/** Seconds. */
const PATIENCE = 10;

/** The options of every command that asks a daemon. */
export interface Asking {
  readonly at: string;
  readonly json?: true;
}

export function asks(command: Command): Command {
  return command
    .option('--at <url>', 'where the daemon listens (potemkin run --listen)', DEFAULT_URL)
    .option('--json', 'prints what the daemon said, for programs');
}

/**
 * Asks a daemon.
 * @throws {Failure} if it does not answer, or answers something else
 */
export async function ask<T>(at: string, path: string): Promise<T> {
  const base = URL.canParse(at) ? new URL(at) : undefined;
  if (base?.protocol !== 'http:') throw new Failure(`--at: expected a URL such as ${DEFAULT_URL}, not '${at}'`);
  const url = new URL(path, base);
  const response = await fetch(url, { signal: AbortSignal.timeout(PATIENCE * 1000) }).catch((error: Error) => {
    const { code, message } = (error.cause ?? error) as NodeJS.ErrnoException;
    const reason = error.name === 'TimeoutError' ? `no answer within ${PATIENCE} s` : (code ?? message);
    throw new Failure(`${url}: ${reason}; does the daemon run, and does it listen there? --at says where to ask`);
  });
  if (!response.ok) throw new Failure(`${url}: the answer has status ${response.status}: ${await response.text()}`);
  return (await response.json().catch((error: Error) => {
    throw new Failure(`${url}: expected JSON: ${error.message}`);
  })) as T;
}
