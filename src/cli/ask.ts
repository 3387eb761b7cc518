import type { Command } from 'commander';
import { describeExport, type ExportState } from '../control/export-control.js';
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
  const { url, response } = await request(at, path);
  return (await response.json().catch((error: Error) => {
    throw new Failure(`${url}: expected JSON: ${error.message}`);
  })) as T;
}

/**
 * Has a daemon do something.
 * @returns what it says
 * @throws {Failure} if it does not answer, or refuses
 */
export async function command(at: string, path: string, headers: Record<string, string> = {}): Promise<string> {
  const { response } = await request(at, path, { method: 'POST', headers });
  return response.text();
}

/** Says so, on standard error, if export is stopped: what is listed then is shut in. */
export async function warnOfStop(at: string): Promise<void> {
  const state = await ask<ExportState>(at, '/export');
  if (state.stopped) console.error(describeExport(state));
}

async function request(at: string, path: string, init: RequestInit = {}): Promise<{ url: URL; response: Response }> {
  const base = URL.canParse(at) ? new URL(at) : undefined;
  if (base?.protocol !== 'http:') throw new Failure(`--at: expected a URL such as ${DEFAULT_URL}, not '${at}'`);
  const url = new URL(path, base);
  const response = await fetch(url, { ...init, signal: AbortSignal.timeout(PATIENCE * 1000) }).catch((error: Error) => {
    const { code, message } = (error.cause ?? error) as NodeJS.ErrnoException;
    const reason = error.name === 'TimeoutError' ? `no answer within ${PATIENCE} s` : (code ?? message);
    throw new Failure(`${url}: ${reason}; does the daemon run, and does it listen there? --at says where to ask`);
  });
  if (!response.ok) throw new Failure(`${url}: the answer has status ${response.status}: ${await response.text()}`);
  return { url, response };
}
