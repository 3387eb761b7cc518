/** A thread that makes calls from the attacker's namespace, all at once, and ends when all of them have. */
import { connect } from 'node:net';
import { parentPort, workerData } from 'node:worker_threads';
import { native } from '../../native/addon.js';
import type { Call } from './chapters.js';
import type { CallResult } from './reports.js';

export interface AttackOrder {
  readonly namespace: string;
  readonly calls: readonly Call[];
}

/** Milliseconds: for a connection to come about, which is less than it takes to try again; and to listen. */
const PATIENCE = 800;
const LISTEN = 600;

const { namespace, calls } = workerData as AttackOrder;
native.enterNamespace(namespace);

for (const call of calls) {
  const { source, target, port, say } = call;
  const socket = connect({ host: target, port, localAddress: source });
  let outcome: CallResult['outcome'] = 'silent';
  let heard = '';
  const timer = setTimeout(() => socket.destroy(), PATIENCE);
  socket.on('connect', () => {
    outcome = 'answered';
    if (say !== undefined) socket.write(say, 'latin1');
    timer.refresh();
    setTimeout(() => socket.end(), LISTEN);
  });
  socket.on('data', (data) => {
    heard += data.toString('latin1');
  });
  socket.on('error', ({ code }: NodeJS.ErrnoException) => {
    if (code === 'ECONNREFUSED') outcome = 'refused';
  });
  socket.on('close', () => {
    clearTimeout(timer);
    parentPort?.postMessage({ call, outcome, heard } satisfies CallResult);
  });
}
