import t from 'tap';
import { Clock } from '../../../src/pipeline/clock.js';

t.test('timers run when they are due, in order, and each at its time', async (t) => {
  const clock = new Clock({ virtual: true, now: 100 });
  const ran: [string, number][] = [];
  clock.after(3, () => ran.push(['three', clock.now]));
  clock.after(1, () => ran.push(['one', clock.now]));
  const cancel = clock.after(2, () => ran.push(['never', clock.now]));
  t.equal(clock.deadline, 101);
  cancel();
  cancel();
  clock.advance(100.5);
  t.same(ran, []);
  clock.advance(110);
  t.same(ran, [
    ['one', 101],
    ['three', 103],
  ]);
  t.equal(clock.now, 110);
  t.equal(clock.deadline, Number.POSITIVE_INFINITY);
});

t.test('time never goes back', async (t) => {
  const clock = new Clock({ virtual: true, now: 100 });
  clock.advance(50);
  t.equal(clock.now, 100);
});

t.test('a timer that repeats catches up with a leap at most once', async (t) => {
  const clock = new Clock({ virtual: true, now: 100 });
  let ran = 0;
  const cancel = clock.every(1, () => ran++);
  for (const now of [101, 102, 103]) clock.advance(now);
  t.equal(ran, 3);
  clock.advance(1e9);
  t.ok(ran <= 6, `${ran} times`);
  t.equal(clock.deadline, 1e9 + 1);
  cancel();
  t.equal(clock.deadline, Number.POSITIVE_INFINITY);
});

t.test('a timer may cancel itself, and set another', async (t) => {
  const clock = new Clock({ virtual: true, now: 100 });
  const ran: number[] = [];
  const cancel = clock.every(1, () => {
    ran.push(clock.now);
    cancel();
    clock.after(1, () => ran.push(clock.now));
  });
  clock.advance(105);
  t.same(ran, [101, 102]);
});

t.test('a clock that has no time yet gets one, and timers keep their distance', async (t) => {
  const clock = new Clock({ virtual: true });
  let ran = 0;
  clock.after(5, () => ran++);
  clock.begin(1e9);
  clock.begin(2e9);
  t.equal(clock.now, 1e9);
  t.equal(clock.deadline, 1e9 + 5);
  clock.advance(1e9 + 4);
  t.equal(ran, 0);
});
