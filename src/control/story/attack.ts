/** A thread that makes calls from the attacker's namespace, all at once, and ends when all of them have. */
import { connect } from 'node:net';
import { parentPort, workerData } from 'node:worker_threads';
import { native } from '../../native/addon.js';
import type { Call } from './chapters.js';
import type { CallResult } from './reports.js';

export interface AttackOrder {
  readonly namespace: string;
  readonly calls: readonly Call[];
  /** Milliseconds: for a connection to come about, and to listen for what the other side says. */
  readonly patience: number;
  readonly listen: number;
}

/** Milliseconds of silence after which the other side has said what it has to say. */
const PAUSE = 500;

const { namespace, calls, patience, listen } = workerData as AttackOrder;
native.enterNamespace(namespace);

for (const call of calls) {
  const { source, target, port, say } = call;
  const socket = connect({ host: target, port, localAddress: source });
  let outcome: CallResult['outcome'] = 'silent';
  let heard = '';
  let enough: NodeJS.Timeout | undefined;
  const hangUp = () => {
    socket.end();
    // Who does not hang up as well has had his time.
    enough = setTimeout(() => socket.destroy(), PAUSE);
  };
  const timer = setTimeout(() => socket.destroy(), patience);
  socket.on('connect', () => {
    outcome = 'answered';
    if (say !== undefined) socket.write(say, 'latin1');
    clearTimeout(timer);
    enough = setTimeout(hangUp, listen);
  });
  socket.on('data', (data) => {
    heard += data.toString('latin1');
    clearTimeout(enough);
    enough = setTimeout(hangUp, Math.min(PAUSE, listen));
  });
  socket.on('error', ({ code }: NodeJS.ErrnoException) => {
    if (code === 'ECONNREFUSED') outcome = 'refused';
  });
  socket.on('close', () => {
    clearTimeout(timer);
    clearTimeout(enough);
    parentPort?.postMessage({ call, outcome, heard } satisfies CallResult);
  });
}
