import { setTimeout } from 'node:timers/promises';
import t, { type Test } from 'tap';
import type { Captive, CloneBackend } from '../../../src/farm/backend.js';
import { type CaptureOutcome, CaptureStore } from '../../../src/farm/capture-store.js';
import { Recordings } from '../../../src/farm/recordings.js';
import { Retirement } from '../../../src/farm/retirement.js';
import type { CloneRecord } from '../../../src/farm/universes.js';
import { chain, NOW } from './caught.js';

const never = () => new Promise<never>(() => {});

/** A retirement with little patience. */
async function rig(t: Test, hold: () => Promise<Captive>, patience = { hold: 20, capture: 20 }) {
  const store = new CaptureStore(t.testdir({}), { captures: 10, bytes: 1 << 30 });
  const gone: number[] = [];
  const outcomes: (CaptureOutcome['kind'] | string)[] = [];
  const retirement = new Retirement({
    services: {
      clock: { now: NOW } as never,
      event: (event) => {
        if (event.kind === 'captured') outcomes.push(event.reason ?? event.outcome);
      },
    },
    backend: { hold, destroy: (id: number) => gone.push(id) } as unknown as CloneBackend,
    store,
    recordings: new Recordings({ each: 1000, all: 1000 }),
    imageOf: () => 'linux',
    interest: () => 'opened a connection',
    remember() {},
    onEnd() {},
    onCapture() {},
    patience,
  });
  const [clone] = chain('10.99.0.1').clones.values();
  return { retirement, gone, outcomes, clone: clone as CloneRecord, store };
}

/** Memory that is never read to its end. */
const endless = { image: { digest: never, read() {} }, size: 4096, dirtyRanges: () => [], read() {} };

t.test('a clone that never holds still is captured without its memory, and goes', async (t) => {
  let resolve = (_captive: Captive) => {};
  const hold = () =>
    new Promise<Captive>((done) => {
      resolve = done;
    });
  const { retirement, gone, outcomes, clone, store } = await rig(t, hold, { hold: 20, capture: 10_000 });
  retirement.retire(clone, 'recycled', 'kept long enough');
  t.same([clone.state, retirement.size, [...retirement]], ['captured', 1, [clone]]);
  await retirement.stop(10_000);
  t.same([clone.state, retirement.size, gone, outcomes], ['gone', 0, [1], ['captured']]);
  let released = 0;
  resolve({ release: () => released++ });
  await setTimeout(0);
  t.equal(released, 1, 'what comes too late is given back');
  await store.close();
});

t.test('a capture that hangs has failed in the end, and keeps no clone', async (t) => {
  const { retirement, gone, outcomes, clone } = await rig(t, async () => ({ memory: endless, release() {} }));
  retirement.retire(clone, 'recycled', 'kept long enough');
  await retirement.stop(10_000);
  t.same([gone, outcomes], [[1], ['the capture took more than 0.02 s']]);
});

t.test('when there is no more time, what is being captured is given up', async (t) => {
  for (const hold of [never, async () => ({ memory: endless, release() {} })]) {
    const { retirement, gone, outcomes, clone } = await rig(t, hold, { hold: 60_000, capture: 60_000 });
    retirement.retire(clone, 'stopped', 'the gateway stops');
    await retirement.stop(20);
    t.same([gone, outcomes], [[1], ['the gateway stopped']]);
  }
});

t.test('who waits for room waits no longer than it may', async (t) => {
  const { retirement } = await rig(t, never, { hold: 60_000, capture: 60_000 });
  await retirement.room(0);
  const clones = [...chain(...Array.from({ length: 16 }, (_, i) => `10.99.0.${i + 1}`)).clones.values()];
  for (const clone of clones) retirement.retire(clone, 'recycled', 'kept long enough');
  t.equal(retirement.size, 16);
  await retirement.room(10);
  t.equal(retirement.size, 16);
  await retirement.stop(0);
  t.equal(retirement.size, 0);
});
