import t from 'tap';
import { type StandbyOptions, StandbyPool, type Workshop } from '../../../../src/farm/qemu/standby.js';
import { Clock } from '../../../../src/pipeline/clock.js';

/** Long enough for every promise that is settled to be heard of. */
const settle = () => new Promise((resolve) => setImmediate(resolve));

interface Made {
  readonly number: number;
  readonly image: number;
}

/** A workshop whose machines are started and prepared when the test says so. */
function rig(options: Partial<StandbyOptions> = {}, images = 1) {
  const clock = new Clock({ virtual: true, now: 1000 });
  const starting: { image: number; done(): void; fail(reason: string): void }[] = [];
  const preparing: { machine: Made; done(): void; fail(reason: string): void }[] = [];
  const discarded: Made[] = [];
  const failures: string[] = [];
  let last = 0;
  const workshop: Workshop<Made> = {
    start: (image) =>
      new Promise((resolve, reject) => {
        starting.push({ image, done: () => resolve({ number: ++last, image }), fail: (why) => reject(new Error(why)) });
      }),
    prepare: (machine) =>
      new Promise((resolve, reject) => {
        preparing.push({ machine, done: resolve, fail: (why) => reject(new Error(why)) });
      }),
    discard: (machine) => discarded.push(machine),
    failed: (_image, reason) => failures.push(reason),
  };
  const pool = new StandbyPool({ clock }, images, workshop, { least: 2, most: 8, builders: 2, rate: 100, ...options });
  /** Ends everything that is under way, again and again, until nothing is. */
  const finish = async () => {
    await settle();
    while (starting.length + preparing.length > 0) {
      for (const { done } of [...starting.splice(0), ...preparing.splice(0)]) done();
      await settle();
    }
  };
  const taken: string[] = [];
  const take = (image = 0) => {
    const taker = (machine: Made, origin: string) => void taken.push(`${machine.number} ${origin}`);
    pool.take(image, taker);
    return taker;
  };
  return { clock, pool, starting, preparing, discarded, failures, taken, take, finish };
}

t.test('machines stand by, made by so many builders at once', async (t) => {
  const { pool, starting, finish } = rig({ least: 5 });
  pool.work();
  t.equal(starting.length, 2);
  await finish();
  t.equal(pool.ready, 5);
  t.equal(pool.making, 0);
});

t.test('who asks gets one that stands by, and it is replaced', async (t) => {
  const { pool, finish, take, taken } = rig();
  pool.work();
  await finish();
  take();
  t.same(taken, ['1 warm'], 'at once');
  await finish();
  t.equal(pool.ready, 1, 'it has the processor for itself');
  pool.work();
  await finish();
  t.equal(pool.ready, 2);
});

t.test('who finds none gets the next one that is started, prepared or not', async (t) => {
  const { finish, take, taken, starting, preparing } = rig({ least: 0 });
  take();
  take();
  t.equal(starting.length, 2);
  starting.splice(0, 1)[0]!.done();
  await settle();
  t.same(taken, ['1 cold']);
  t.equal(preparing.length, 0);
  await finish();
  t.same(taken, ['1 cold', '2 cold']);
});

t.test('who comes while one is prepared gets it when it is', async (t) => {
  const { pool, take, taken, starting, preparing } = rig({ least: 1, builders: 1 });
  pool.work();
  starting.splice(0)[0]!.done();
  await settle();
  take();
  t.same(taken, []);
  preparing.splice(0)[0]!.done();
  await settle();
  t.same(taken, ['1 warm']);
});

t.test('who gives up gets none', async (t) => {
  const { pool, finish, take, taken } = rig({ least: 0 });
  pool.cancel(0, take());
  await finish();
  t.same(taken, []);
});

t.test('an image that runs dry gets twice as many, and later fewer again', async (t) => {
  const { clock, pool, finish, take } = rig({ least: 2, most: 6 });
  pool.work();
  await finish();
  take();
  t.equal(pool.target, 2, 'one is left');
  take();
  t.equal(pool.target, 4);
  pool.work();
  await finish();
  t.equal(pool.ready, 4);
  for (let i = 0; i < 4; i++) take();
  t.equal(pool.target, 6, 'no more than may be');
  pool.work();
  await finish();
  for (let i = 0; i < 10; i++) {
    clock.advance(clock.now + 30);
    pool.work();
  }
  t.equal(pool.target, 2, 'no fewer than should be');
});

t.test('in quiet times machines are made at a bounded rate', async (t) => {
  const { clock, pool, finish, take, taken } = rig({ least: 10, most: 20, rate: 3 });
  pool.work();
  await finish();
  t.equal(pool.ready, 3);
  clock.advance(clock.now + 1);
  pool.work();
  await finish();
  t.equal(pool.ready, 6);
  for (let i = 0; i < 9; i++) take();
  await finish();
  t.equal(taken.length, 9, 'but who waits is not kept waiting for that');
});

t.test('where somebody waits is where the next machine is made', async (t) => {
  const { take, starting } = rig({ least: 4, builders: 1 }, 3);
  take(2);
  t.same(
    starting.map(({ image }) => image),
    [2],
  );
});

t.test('failures are told, make it pause, and are made up for', async (t) => {
  const { clock, pool, starting, failures, finish, take, taken } = rig({ least: 0, builders: 1 });
  take();
  starting.splice(0)[0]!.fail('no memory');
  await settle();
  t.same(failures, ['no memory']);
  t.equal(starting.length, 0, 'not at once again');
  clock.advance(clock.now + 1);
  pool.work();
  await finish();
  t.same(taken, ['1 cold']);
});

t.test('one that cannot be prepared is discarded', async (t) => {
  const { pool, starting, preparing, discarded, failures } = rig({ least: 1 });
  pool.work();
  starting.splice(0)[0]!.done();
  await settle();
  preparing.splice(0)[0]!.fail('the agent says nothing');
  await settle();
  t.same(discarded, [{ number: 1, image: 0 }]);
  t.same(failures, ['the agent says nothing']);
  t.equal(pool.ready, 0);
});

t.test('one that died while it stood by is replaced', async (t) => {
  const { pool, finish } = rig({ least: 1 });
  pool.work();
  await finish();
  const [machine] = pool.stop();
  t.same(machine, { number: 1, image: 0 });
});

t.test('at the end none is made, and what is under way is discarded', async (t) => {
  const { pool, starting, finish, discarded } = rig({ least: 3 });
  pool.work();
  starting.splice(0, 1)[0]!.done();
  await settle();
  t.same(pool.stop(), []);
  await finish();
  t.equal(discarded.length, 2);
  pool.work();
  t.equal(starting.length, 0);
});
