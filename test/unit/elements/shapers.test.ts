import t from 'tap';
import { BandwidthShaper } from '../../../src/elements/BandwidthShaper.js';
import { Shaper } from '../../../src/elements/Shaper.js';
import { rig } from '../rig.js';

t.test('Shaper spaces packets evenly and in order', async (t) => {
  const bench = rig(Shaper, '10');
  for (let i = 0; i < 5; i++) bench.put(Buffer.from([i]), { paint: i });
  const passed = () => bench.run().out!.map(({ paint }) => paint);
  t.same(passed(), [0], 'the first leaves at once');
  bench.wait(0.05);
  t.same(passed(), []);
  bench.wait(0.05);
  t.same(passed(), [1]);
  t.equal(bench.element.waiting, 3);
  bench.wait(0.2);
  t.same(passed(), [2, 3], 'a late turn makes up for what is overdue');
  bench.wait(10);
  t.same(passed(), [4]);
  bench.put(Buffer.alloc(1), { paint: 8 });
  bench.put(Buffer.alloc(1), { paint: 9 });
  t.same(passed(), [8], 'a pause earns no burst');
});

t.test('its timer says when the next packet may leave', async (t) => {
  const bench = rig(Shaper, '10');
  for (let i = 0; i < 2; i++) bench.put(Buffer.alloc(1));
  bench.run();
  t.ok(Math.abs(bench.clock.deadline - bench.clock.now - 0.1) < 1e-6);
  bench.clock.advance(bench.clock.deadline);
  t.equal(bench.run().out!.length, 1);
  t.equal(bench.clock.deadline, Number.POSITIVE_INFINITY, 'and no timer is left');
});

t.test('what does not fit is dropped, and the rate can be changed', async (t) => {
  const bench = rig(Shaper, '1, CAPACITY 4');
  const { rate, length, drops, reset } = bench.element.handlers();
  for (let i = 0; i < 6; i++) bench.put(Buffer.alloc(1));
  bench.run();
  t.equal(bench.element.drops.full.value, 2);
  t.equal(length.read(), '3');
  rate.write('1k');
  t.equal(rate.read(), '1000');
  bench.wait(1);
  t.equal(bench.run().out!.length, 3);
  for (let i = 0; i < 3; i++) bench.put(Buffer.alloc(1));
  bench.run();
  reset.write();
  t.equal(bench.element.waiting, 0);
  t.equal(drops.read(), '4');
});

t.test('BandwidthShaper counts bytes', async (t) => {
  const bench = rig(BandwidthShaper, '1kBps');
  for (const size of [500, 100, 100]) bench.put(Buffer.alloc(size));
  const passed = () => bench.run().out!.map(({ length }) => length);
  t.same(passed(), [500]);
  bench.wait(0.49);
  t.same(passed(), []);
  bench.wait(0.02);
  t.same(passed(), [100]);
  bench.wait(0.1);
  t.same(passed(), [100]);
});
