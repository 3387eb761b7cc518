import t from 'tap';
import { Queue } from '../../../src/elements/Queue.js';
import { rig } from '../rig.js';

t.test('packets come out in order, in a later turn', async (t) => {
  const bench = rig(Queue);
  for (let i = 0; i < 3; i++) bench.put(Buffer.from([i]), { universe: i });
  bench.engine.turn();
  t.equal(bench.element.waiting, 3);
  t.same(
    bench.run().out!.map(({ universe, bytes }) => [universe, bytes[0]]),
    [
      [0, 0],
      [1, 1],
      [2, 2],
    ],
  );
  t.equal(bench.element.waiting, 0);
});

t.test('what does not fit is dropped; the counts can be read and reset', async (t) => {
  const bench = rig(Queue, '2');
  const { length, highwater_length, capacity, drops, reset_counts, reset } = bench.element.handlers();
  for (let i = 0; i < 5; i++) bench.put(Buffer.alloc(1));
  bench.engine.turn();
  t.equal(bench.element.drops.full.value, 3);
  t.strictSame([length.read(), highwater_length.read(), capacity.read(), drops.read()], ['2', '2', '2', '3']);
  reset.write();
  t.strictSame([length.read(), drops.read()], ['0', '5']);
  reset_counts.write();
  t.strictSame([highwater_length.read(), drops.read()], ['0', '0']);
  t.equal(bench.run().out!.length, 0);
  capacity.write('4');
  for (let i = 0; i < 5; i++) bench.put(Buffer.alloc(1));
  t.equal(bench.run().out!.length, 4);
  t.equal(drops.read(), '1');
  t.throws(() => capacity.write('0'), { message: /from 1/ });
});
