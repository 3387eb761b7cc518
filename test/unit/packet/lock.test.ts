import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import t from 'tap';
import { Lock, lockMemory } from '../../../src/packet/lock.js';

const MODULE = new URL('../../../src/packet/lock.js', import.meta.url).href;
const TIMES = 20_000;
const THREADS = 3;

/** Adds to a number that needs a lock, in another thread. */
function adder(memory: SharedArrayBuffer, number: SharedArrayBuffer): Worker {
  const code = `
    const { workerData: { memory, number } } = require('node:worker_threads');
    import(${JSON.stringify(MODULE)}).then(({ Lock }) => {
      const lock = new Lock(memory, 60_000), value = new Int32Array(number);
      // All begin when the last one is there.
      Atomics.add(value, 1, 1);
      while (Atomics.load(value, 1) < ${THREADS});
      for (let i = 0; i < ${TIMES}; i++) {
        lock.take();
        const seen = value[0];
        for (let i = 0; i < 100; i++) Atomics.load(value, 1);
        value[0] = seen + 1;
        lock.give();
      }
    });`;
  return new Worker(code, { eval: true, workerData: { memory, number } });
}

t.test('threads follow one another', async (t) => {
  const memory = lockMemory();
  const number = new SharedArrayBuffer(8);
  await Promise.all(Array.from({ length: THREADS }, () => once(adder(memory, number), 'exit')));
  t.equal(new Int32Array(number)[0], THREADS * TIMES);
});

t.test('a lock that nobody gives back is an error', async (t) => {
  const memory = lockMemory();
  new Lock(memory).take();
  const other = new Lock(memory, 1);
  t.throws(() => other.take(), { message: 'another worker has held what all share for 1 ms' });
});

t.test('it can be taken again once it was given back', async (t) => {
  const lock = new Lock(lockMemory(), 1);
  for (let i = 0; i < 3; i++) {
    lock.take();
    lock.give();
  }
  t.pass();
});
