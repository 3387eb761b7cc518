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

/** What fill() gives at once, in runs of some length. */
function filled(ids: Ids, used: Set<number>, ...runs: number[]): number[] {
  const space = new Uint32Array(100);
  return runs.flatMap((length) => [...space.subarray(3, ids.fill(space, 3, 3 + length, used))]);
}

t.test('a run is what one number after the other would be: over ends of parts, what is used, what rests', async (t) => {
  // Parts of four numbers.
  const space = 4 * 4096 - 1;
  const used = new Set([6, 9, 10, 11, 12, 22, space - 1]);
  for (const start of [0, 3, 4, space - 12]) {
    const clock = { now: 0 };
    const [one, other] = [new Ids(clock, space), new Ids(clock, space)];
    const singly = (count: number) => {
      const list: number[] = [];
      while (list.length < count) {
        const id = one.next(used);
        if (id === 0) break;
        list.push(id);
      }
      return list;
    };
    for (let i = 0; i < start; i++) one.next(new Set());
    other.fill(new Uint32Array(start), 0, start, new Set());
    for (const length of [1, 2, 7, 0, 30, 1, 13]) {
      t.same(filled(other, used, length), singly(length), `${length} from ${start}`);
      for (const ids of [one, other]) ids.release(14);
    }
    clock.now = 7200;
    t.same(filled(other, used, 40), singly(40), 'an hour later');
    t.equal(other.next(used), one.next(used), 'and one more');
    t.same(filled(other, used, 5), singly(5));
  }
});

t.test('a run is short where all rest, and begins anew when they have', async (t) => {
  const clock = { now: 0 };
  const ids = new Ids(clock, 8);
  const used = new Set<number>();
  t.same(filled(ids, used, 5, 5, 5), [1, 2, 3, 4, 5, 6, 7]);
  used.add(2);
  clock.now = 3600;
  t.same(
    filled(ids, used, 3, 9).sort((a, b) => a - b),
    [1, 3, 4, 5, 6, 7],
  );
});

t.test('what a run gave before is used later, and never given twice', async (t) => {
  const ids = new Ids({ now: 0 });
  const used = new Set<number>();
  const seen = new Set<number>();
  for (let i = 0; i < 50; i++) {
    const run = filled(ids, used, 1 + (i % 9));
    for (const id of run) seen.add(id);
    used.add(run[0]!);
    if (i % 5 === 0) seen.add(ids.next(used));
    if (i % 7 === 0) used.delete(run[0]!);
  }
  const given = 10 + Array.from({ length: 50 }, (_, i) => 1 + (i % 9)).reduce((sum, length) => sum + length);
  t.same(
    [...seen],
    Array.from({ length: given }, (_, i) => i + 1),
  );
});
