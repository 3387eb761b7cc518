import { execFileSync } from 'node:child_process';
import { Failure } from '../failure.js';

/**
 * Runs ip(8) and returns what it printed.
 * @throws {Failure} with what it said on standard error
 */
export function ip(args: readonly string[], input = ''): string {
  try {
    return execFileSync('ip', args, { encoding: 'utf8', input, stdio: ['pipe', 'pipe', 'pipe'] });
  } catch (error) {
    const { code, stderr } = error as { code?: string; stderr?: string };
    if (code === 'ENOENT') throw new Failure('the program ip is missing: apt-get install iproute2');
    throw new Failure(`ip ${args.join(' ')}: ${stderr?.trim() || (error as Error).message}`);
  }
}

/** Runs several commands of ip(8) in a network namespace, up to the first that fails. */
export function ipBatch(namespace: string, commands: readonly string[]): void {
  ip(['-n', namespace, '-batch', '-'], `${commands.join('\n')}\n`);
}

/** The names of the network namespaces that `ip netns` knows. */
export function listNamespaces(): string[] {
  return ip(['netns', 'list'])
    .split('\n')
    .map((line) => line.split(' ')[0]!)
    .filter((name) => name !== '');
}
