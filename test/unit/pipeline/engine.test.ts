import t from 'tap';
import { Counter } from '../../../src/elements/Counter.js';
import { Discard } from '../../../src/elements/Discard.js';
import { Queue } from '../../../src/elements/Queue.js';
import type { Batch } from '../../../src/packet/batch.js';
import { Element } from '../../../src/pipeline/element.js';
import { ConservationError } from '../../../src/pipeline/errors.js';
import type { Spec } from '../../../src/pipeline/spec.js';
import { choice, count, seconds } from '../../../src/pipeline/values.js';
import { rig } from '../rig.js';

t.test('a link counts packets and bytes', async (t) => {
  const bench = rig(Counter);
  bench.put(Buffer.alloc(40));
  bench.put(Buffer.alloc(60));
  const { out } = bench.run();
  t.equal(out!.length, 2);
  const link = bench.engine.links.find(({ to }) => to.element === bench.element)!;
  t.equal(link.packets.value, 2);
  t.equal(link.bytes.value, 100);
  t.equal(bench.element.handlers().count.read(), '2');
  t.equal(bench.element.handlers().byte_count.read(), '100');
});

t.test('counters move to shared memory with their values', async (t) => {
  const bench = rig(Discard);
  bench.put(Buffer.alloc(40));
  bench.run();
  const block = new Float64Array(bench.engine.stats.share());
  bench.put(Buffer.alloc(40));
  bench.run();
  const drop = bench.engine.stats.descriptions.find(({ labels }) => labels.reason === 'discarded')!;
  t.equal(block[drop.at], 2);
});

const leaky = {
  summary: 'loses packets',
  inputs: { in: '' },
  outputs: { out: '' },
  config: { every: count(2, ''), window: seconds(60, '') },
  drops: {},
} as const satisfies Spec;

class Leaky extends Element<typeof leaky> {
  static readonly spec = leaky;
  override push(batch: Batch): void {
    for (let i = 0; i < batch.count; i += this.config.every) this.out.out.add(batch.rows[i]!);
  }
}

class Doubling extends Element<typeof leaky> {
  static readonly spec = leaky;
  override push(batch: Batch): void {
    for (let i = 0; i < batch.count; i++) this.out.out.add(batch.rows[0]!);
  }
}

class Lying extends Element<typeof leaky> {
  static readonly spec = leaky;
  override push(batch: Batch, _input: number, bytes: number): void {
    this.out.out.moveAll(batch, bytes - 1);
  }
}

t.test('an element that loses or doubles a row, or is wrong about bytes, is caught', async (t) => {
  const losing = rig(Leaky);
  for (let i = 0; i < 4; i++) losing.put(Buffer.alloc(40));
  t.throws(() => losing.run(), new ConservationError('element: was given 4 packets and ended 2'));
  const doubling = rig(Doubling);
  for (let i = 0; i < 2; i++) doubling.put(Buffer.alloc(40));
  t.throws(() => doubling.run(), { message: /twice/ });
  const lying = rig(Lying);
  lying.put(Buffer.alloc(40));
  t.throws(() => lying.run(), new ConservationError('element: passed on packets of other lengths than it said'));
});

t.test('configuration errors name the keys and say what came', async (t) => {
  t.equal(rig(Leaky, 'EVERY 3, WINDOW 100ms').element.config.window, 0.1);
  t.throws(() => rig(Leaky, 'WINDW 3'), { message: 'Leaky: unknown key WINDW; expected one of EVERY, WINDOW' });
  t.throws(() => rig(Leaky, 'EVERY many'), { message: /EVERY: expected a whole number .*, not 'many'/ });
  t.throws(() => rig(Leaky, 'EVERY 1, EVERY 2'), { message: /EVERY is given twice/ });
  t.throws(() => rig(Counter, 'FAST'), { message: /unexpected argument 'FAST'; it takes none/ });
});

const failing = {
  summary: 'fails',
  inputs: { in: '' },
  outputs: {},
  config: { when: choice(['start', 'push', 'stop'], 'push', '') },
  drops: { seen: '' },
} as const satisfies Spec;

class Failing extends Element<typeof failing> {
  static readonly spec = failing;
  stopped = 0;

  override start() {
    if (this.config.when === 'start') throw new Error('element: cannot open it');
  }

  override push(): void {
    throw new TypeError('x is not a function');
  }

  override stop() {
    this.stopped++;
    if (this.config.when === 'stop') throw new Error('cannot close it');
  }
}

t.test('what fails says which element it was', async (t) => {
  const starting = rig(Failing, 'WHEN start');
  await t.rejects(starting.engine.start(), { message: 'element: cannot open it', element: 'element' });
  t.equal(starting.element.stopped, 1);

  const pushing = rig(Failing);
  pushing.put(Buffer.alloc(40));
  await pushing.engine.start();
  await t.rejects(pushing.engine.run(), { message: 'element: x is not a function', element: 'element' });

  const stopping = rig(Failing, 'WHEN stop');
  await t.rejects(stopping.engine.stop(), { message: 'element: cannot close it', element: 'element' });
});

t.test('errors are counted, however many events there are', async (t) => {
  const bench = rig(Discard);
  for (let i = 0; i < 2000; i++) bench.engine.services.event({ kind: 'warning', element: 'element', message: '' });
  bench.engine.services.event({ kind: 'error', element: 'element', message: 'cut off' });
  t.equal(bench.engine.errors, 1);
  t.ok(bench.events.length < 2000, 'a flood is cut');
});

t.test('after the run, queues are emptied', async (t) => {
  const bench = rig(Queue);
  for (let i = 0; i < 1000; i++) bench.put(Buffer.alloc(40));
  bench.engine.turn();
  t.ok(bench.element.waiting > 0);
  bench.engine.halt();
  await bench.engine.run();
  const waiting = bench.element.waiting;
  await bench.engine.drain(60);
  t.equal(bench.element.waiting, 0);
  const link = bench.engine.links.find(({ from }) => from.element === bench.element)!;
  t.equal(link.packets.value, waiting, 'all that waited has left, and the source gave no more');
  await rig(Queue).engine.drain(60);
});
