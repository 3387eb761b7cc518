import { execFileSync } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { DataPlane, type PlaneOrder } from '../../../src/control/dataplane.js';
import { StopFile } from '../../../src/control/stop-file.js';
import type { EngineEvent } from '../../../src/pipeline/events.js';
import { KillSwitch, type StopCall } from '../../../src/pipeline/kill-switch.js';

function run(text: string, defines: Record<string, string> = {}, more: Partial<PlaneOrder> = {}) {
  const events: EngineEvent[] = [];
  const killSwitch = new KillSwitch();
  const order = { source: { file: 'test.click', text }, defines, state: '.', worker: 0, ...more };
  const plane = new DataPlane(order, (batch) => events.push(...batch), killSwitch);
  return { plane, events, killSwitch };
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

t.test('the worker sees a stop without being told, and tells of its own', async (t) => {
  const folder = t.testdir({ 'x.policy': 'reply -> forward\n' });
  const { plane, killSwitch } = run(
    `Idle -> export :: ExportPolicy(POLICY ${join(folder, 'x.policy')});
     export[forward] -> Discard; export[reflect] -> Discard; export[redirect] -> Discard; export[drop] -> Discard;`,
  );
  await plane.started;
  const read = () => plane.call({ handler: 'export.stop_export' });
  t.equal(await read(), 'false');
  killSwitch.stop('test', '');
  t.equal(await read(), 'true');
  killSwitch.lift();
  const calls: StopCall[] = [];
  killSwitch.onStop = (call) => calls.push(call);
  await plane.call({ handler: 'export.stop_export', value: 'by hand' });
  t.equal(killSwitch.stopped, true);
  t.same(calls, [{ by: 'export', reason: 'by hand' }]);
  plane.halt();
  await plane.ended;
});

/** Sleeps without letting this thread's event loop turn. */
const sleep = (ms: number) => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);

t.test('a worker that stands still stops export', async (t) => {
  const pipe = join(t.testdir({}), 'pipe');
  execFileSync('mkfifo', [pipe]);
  // The other end of the pipe: nobody reads, so the worker's write blocks it when the pipe is full.
  const end = openSync(pipe, 'r+');
  const { plane, killSwitch } = run(`InfiniteSource -> ToDump(${pipe});`, {}, { stall: 3 });
  const stopped = new Promise<StopCall>((resolve) => {
    killSwitch.onStop = resolve;
  });
  await plane.started;
  t.same(await stopped, { by: 'watchdog', reason: 'data-plane worker 0 has stood still for 3 s' });
  plane.halt();
  closeSync(end);
  await plane.ended;
});

t.test('a control plane that stands still has export stopped by the worker, which writes that down', async (t) => {
  const stopFile = join(t.testdir({}), 'export-stopped.json');
  const { plane, killSwitch } = run('Idle -> Discard;', {}, { stall: 3, stopFile });
  await plane.started;
  // It has to have seen this thread turn, or it might count what was before.
  for (let rounds = 0; !killSwitch.stopped && rounds < 600; rounds++) sleep(100);
  t.equal(killSwitch.stopped, true);
  const calls: StopCall[] = [];
  killSwitch.onStop = (call) => calls.push(call);
  const call = { by: 'watchdog', reason: 'the control plane has stood still for 3 s' };
  for (let rounds = 0; rounds < 100 && new StopFile(stopFile).read() === undefined; rounds++) sleep(100);
  t.match(new StopFile(stopFile).read(), call);
  plane.halt();
  await plane.ended;
  t.same(calls, [call], 'it hears of it afterwards');
});
