/**
 * A daemon with three machines, for tests that kill it: prints their pids, and waits.
 *
 *   node jail-daemon.js PRISONER wait      in its main thread
 *   node jail-daemon.js PRISONER thread    in a worker thread, which ends when there is input
 *   node jail-daemon.js PRISONER search    runs one machine that looks around, and prints what that says
 */
import { fileURLToPath } from 'node:url';
import { isMainThread, parentPort, Worker } from 'node:worker_threads';
import { Launcher } from '../../src/farm/qemu/launcher.js';
import { Prison, shownTo } from './jail.js';

const [program, how] = process.argv.slice(2) as [string, string];

async function serve(): Promise<Prison> {
  return new Prison(await Launcher.start({ shown: shownTo(program), slots: 3 }), program);
}

if (how === 'search') {
  const prison = await serve();
  console.log((await (await prison.start(['look'])).lines()).join('\n'));
  await prison.launcher.close();
} else if (how === 'thread' && isMainThread) {
  const worker = new Worker(fileURLToPath(import.meta.url), {
    argv: process.argv.slice(2),
    trackUnmanagedFds: false,
  });
  worker.once('message', (pids) => console.log(JSON.stringify(pids)));
  process.stdin.once('data', () => void worker.terminate());
} else {
  const prison = await serve();
  const machines = [];
  for (let slot = 0; slot < 3; slot++) machines.push(await prison.start(['wait'], { slot }));
  const pids = machines.map(({ pid }) => pid);
  if (parentPort) parentPort.postMessage(pids);
  else console.log(JSON.stringify(pids));
}
