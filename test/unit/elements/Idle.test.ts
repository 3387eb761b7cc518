import t from 'tap';
import { Idle } from '../../../src/elements/Idle.js';
import { rig } from '../rig.js';

t.test('it drops what it gets and gives nothing', async (t) => {
  const bench = rig(Idle, '', { inputs: 2, outputs: 1 });
  bench.put(Buffer.alloc(20), {}, 1);
  t.strictSame(bench.run(), { 0: [] });
  t.equal(bench.element.drops.discarded.value, 1);
});
