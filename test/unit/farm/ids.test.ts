import t from 'tap';
import { Ids } from '../../../src/farm/ids.js';

t.test('numbers rise, and one that was in use within the hour is not given again', async (t) => {
  const clock = { now: 0 };
  const used = new Set<number>();
  const ids = new Ids(clock, 8);
  const next = () => ids.next(used);
  t.same([1, 2, 3].map(next), [1, 2, 3]);
  used.add(2);
  clock.now = 1800;
  ids.release(3);
  t.same([4, 5, 6, 7].map(next), [4, 5, 6, 7]);
  t.equal(next(), 0, 'all rest');
  clock.now = 3599;
  t.equal(next(), 0);
  clock.now = 3600;
  t.same([next(), next()], [1, 0], '2 is in use, 3 was until half an hour ago');
  clock.now = 5400;
  t.same(Array.from({ length: 6 }, next).sort(), [0, 3, 4, 5, 6, 7]);
  used.delete(2);
  ids.release(2);
  clock.now = 5400 + 3599;
  t.equal(next(), 1);
  clock.now = 5400 + 3600;
  t.equal(next(), 2);
});

t.test('they rest for as long as somebody keeps them', async (t) => {
  const clock = { now: 0 };
  const ids = new Ids(clock, 3);
  const next = () => ids.next(new Set());
  t.same([next(), next(), next()], [1, 2, 0]);
  ids.keepFor(7200);
  ids.keepFor(10);
  clock.now = 7199;
  t.equal(next(), 0);
  clock.now = 7200;
  t.equal(next(), 1);
});

t.test('in the whole space parts rest together', async (t) => {
  const clock = { now: 0 };
  const ids = new Ids(clock);
  const seen = new Set(Array.from({ length: 100_000 }, () => ids.next({ has: (id) => id % 3 === 0 })));
  t.equal(seen.size, 100_000);
  t.notOk([...seen].some((id) => id % 3 === 0 || id < 1));
});
