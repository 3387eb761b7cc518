import t from 'tap';
import { Vigil, vigilMemory } from '../../../src/control/vigil.js';

function pair(patience: number) {
  const memory = vigilMemory();
  const stalls = { control: 0, worker: 0 };
  const control = new Vigil(memory, 0, patience, () => {
    stalls.control++;
  });
  const worker = new Vigil(memory, 1, patience, () => {
    stalls.worker++;
  });
  return { control, worker, stalls };
}

t.test('two threads that turn see no stall, whoever is the quicker', async (t) => {
  const { control, worker, stalls } = pair(3);
  for (let i = 0; i < 20; i++) {
    control.look();
    if (i % 2 === 0) worker.look();
  }
  t.same(stalls, { control: 0, worker: 0 });
});

t.test('either sees that the other has stood still for as many looks as its patience', async (t) => {
  for (const [one, other] of [
    ['control', 'worker'],
    ['worker', 'control'],
  ] as const) {
    const { stalls, ...threads } = pair(3);
    for (let i = 0; i < 5; i++) {
      threads[one].look();
      threads[other].look();
    }
    threads[one].look();
    for (let i = 0; i < 2; i++) threads[one].look();
    t.equal(stalls[one], 0, 'not yet');
    threads[one].look();
    t.equal(stalls[one], 1);
    threads[one].look();
    t.equal(stalls[one], 2, 'and so on, if somebody lifts meanwhile');
    threads[other].look();
    threads[one].look();
    t.equal(stalls[one], 2, 'it turns again');
  }
});

t.test('a machine that was asleep has no stall', async (t) => {
  const { control, worker, stalls } = pair(3);
  for (let i = 0; i < 5; i++) {
    control.look();
    worker.look();
  }
  // An hour passes, in which neither looks.
  control.look();
  worker.look();
  t.same(stalls, { control: 0, worker: 0 });
});

t.test('who rests is seen, and sees nothing', async (t) => {
  const { control, worker, stalls } = pair(3);
  control.rest();
  for (let i = 0; i < 10; i++) control.look();
  for (let i = 0; i < 10; i++) {
    control.look();
    worker.look();
  }
  t.same(stalls, { control: 0, worker: 0 });
});
