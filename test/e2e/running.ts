import { spawn } from 'node:child_process';
import type { Test } from 'tap';
import { plainly } from './lab-rig.js';

/** Runs a graph until the end of the test. @returns where the daemon can be asked */
export async function startDaemon(t: Test, graph: string): Promise<string> {
  const child = spawn(...plainly('run', graph, '--listen', '127.0.0.1:0'), { stdio: ['ignore', 'ignore', 'pipe'] });
  const ended = new Promise((resolve) => child.once('exit', resolve));
  t.teardown(async () => {
    child.kill('SIGTERM');
    await ended;
  });
  let said = '';
  for await (const piece of child.stderr.setEncoding('utf8')) {
    said += piece;
    const [, url] = /metrics at (http:\S+)\/metrics/.exec(said) ?? [];
    if (url !== undefined) return url;
  }
  throw new Error(`the daemon ended: ${said}`);
}
