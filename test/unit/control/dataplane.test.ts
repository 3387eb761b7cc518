import t from 'tap';
import { DataPlane } from '../../../src/control/dataplane.js';
import type { EngineEvent } from '../../../src/pipeline/events.js';

function run(text: string, defines: Record<string, string> = {}) {
  const events: EngineEvent[] = [];
  const plane = new DataPlane({ source: { file: 'test.click', text }, defines, state: '.', worker: 0 }, (batch) => {
    events.push(...batch);
  });
  return { plane, events };
}

t.test('a graph whose sources end', async (t) => {
  const { plane } = run('s :: InfiniteSource(LIMIT $N, STOP true) -> d :: Discard;', { N: '1000' });
  t.equal(await plane.started, true);
  t.match(await plane.ended, { errors: 0, failure: undefined });
  t.equal(plane.alive, false);
  const { descriptions, slots } = plane.stats!;
  const dropped = descriptions.find(({ name, labels }) => name === 'dropped_packets' && labels.element === 'd');
  t.equal(slots[dropped!.at], 1000, 'the numbers outlive the worker');
  await t.rejects(plane.call({ handler: 's.count' }), { message: 'the data plane has ended' });
});

t.test('handlers, and the end by command', async (t) => {
  const { plane } = run('s :: InfiniteSource(LIMIT 10) -> c :: Counter -> Discard;');
  await plane.started;
  while ((await plane.call({ handler: 'c.count' })) !== '10');
  t.equal(await plane.call({ handler: 'c.class' }), 'Counter');
  t.equal(await plane.call({ handler: 'c.reset', value: '' }), '');
  t.equal(await plane.call({ handler: 'c.count' }), '0');
  await t.rejects(plane.call({ handler: 'c.colour' }), { message: "No handler named 'c.colour'" });
  await t.rejects(plane.call({ handler: 'c.count', value: '1' }), { message: /read-only/ });
  plane.halt();
  const unanswered = plane.call({ handler: 'c.count' }, 1).catch((error: Error) => error.message);
  t.match(await plane.ended, { errors: 0, failure: undefined });
  t.match(await unanswered, /\d+|no answer|has ended/);
});

t.test('a handler that is not answered in time', async (t) => {
  const { plane } = run('Idle -> Discard;');
  // Asked before the worker has started, with no time to do so.
  await t.rejects(plane.call({ handler: 'list' }, 0), { message: 'list: no answer from the data plane within 0 s' });
  plane.halt();
  t.match(await plane.ended, { failure: undefined });
});

t.test('a graph that is wrong after all', async (t) => {
  const { plane } = run('Counter -> Dscard;');
  t.equal(await plane.started, false);
  t.match((await plane.ended).failure, /^test\.click:1:12: .*Dscard/m);
});

t.test('a network namespace that is not there', async (t) => {
  const order = {
    source: { file: 'x', text: 'Idle -> Discard;' },
    defines: {},
    state: '.',
    worker: 0,
    netns: 'no-such-namespace',
  };
  const plane = new DataPlane(order, () => {});
  t.equal(await plane.started, false);
  t.match((await plane.ended).failure, /no-such-namespace/);
});
