import t from 'tap';
import { Element } from '../../../src/pipeline/element.js';
import { Engine } from '../../../src/pipeline/engine.js';
import { KillSwitch, type StopCall } from '../../../src/pipeline/kill-switch.js';
import type { Spec } from '../../../src/pipeline/spec.js';
import { dropsOf } from '../../../src/pipeline/spec.js';
import { Exit, exitSpec } from '../exit.js';
import { rig } from '../rig.js';

const guardSpec = { ...exitSpec, containment: { role: 'guard', licenses: 'out' } } as const satisfies Spec;

class Failing extends Element<typeof guardSpec> {
  static readonly spec = guardSpec;
  override push(): void {
    throw new TypeError('no such rule');
  }
}

t.test('a stop is seen by all who share the memory, and told once', async (t) => {
  const one = new KillSwitch();
  const other = new KillSwitch(one.memory);
  const calls: StopCall[] = [];
  for (const each of [one, other]) each.onStop = (call) => calls.push(call);
  t.equal(other.stopped, false);
  one.stop('export', 'too fast');
  other.stop('watchdog', 'too slow');
  t.same([one.stopped, other.stopped], [true, true]);
  t.same(calls, [{ by: 'export', reason: 'too fast' }]);
  other.lift();
  t.equal(one.stopped, false);
});

t.test('a stop that is heard of late holds, whatever was lifted before', async (t) => {
  const plane = new KillSwitch();
  const control = new KillSwitch(plane.memory);
  const calls: StopCall[] = [];
  control.onStop = (call) => calls.push(call);
  plane.stop('export', 'too fast');
  control.lift();
  control.hear({ by: 'export', reason: 'too fast' });
  t.equal(plane.stopped, true);
  t.equal(calls.length, 1);
});

t.test('while export is stopped nothing reaches an exit, and what would have is counted', async (t) => {
  const { put, run, killSwitch, element } = rig(Exit);
  const offer = () => {
    for (let i = 0; i < 5; i++) put(Buffer.alloc(40));
    run();
    return [element.sent, element.drops['stopped' as 'lost'].rows];
  };
  t.same(offer(), [5, 0]);
  killSwitch.stop('test', '');
  t.same(offer(), [5, 5]);
  killSwitch.lift();
  t.same(offer(), [10, 5]);
});

t.test('only exits have the drops', async (t) => {
  t.same(Object.keys(dropsOf(exitSpec)), ['lost', 'stopped', 'unwritten']);
  t.same(Object.keys(dropsOf(guardSpec)), ['lost']);
});

t.test('an engine that was given none has one of its own, with which nothing is stopped', async (t) => {
  const engine = new Engine({ flat: { elements: [], connections: [], requirements: [] }, configs: [], order: [] }, {
    get: () => undefined,
  } as never);
  t.equal(engine.services.killSwitch.stopped, false);
});

t.test('a guard that fails stops export before it ends the run', async (t) => {
  const { put, engine, killSwitch } = rig(Failing);
  const calls: StopCall[] = [];
  killSwitch.onStop = (call) => calls.push(call);
  put(Buffer.alloc(40));
  await t.rejects(engine.run(), { message: /no such rule/ });
  t.same(calls, [{ by: 'element', reason: 'policy error: TypeError: no such rule' }]);
});
