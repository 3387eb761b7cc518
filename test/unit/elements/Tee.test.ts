import t from 'tap';
import { Tee } from '../../../src/elements/Tee.js';
import { ROWS } from '../../../src/packet/columns.js';
import { rig } from '../rig.js';

t.test('copies have all facts, and bytes of their own', async (t) => {
  const bench = rig(Tee, '', { outputs: 3 });
  bench.put(Buffer.from('one'), { paint: 3, sport: 80 });
  const out = bench.run();
  for (const port of ['0', '1', '2']) {
    const [copy] = out[port]!;
    t.same([copy!.bytes.toString(), copy!.paint, copy!.sport], ['one', 3, 80]);
  }
  t.equal(new Set(['0', '1', '2'].map((port) => out[port]![0]!.start)).size, 3);
});

t.test('copies for which there is no room are counted', async (t) => {
  const outputs = 6;
  const bench = rig(Tee, '6', { outputs });
  for (let i = 0; i < ROWS / 4; i++) bench.put(Buffer.from([i]));
  const out = bench.run();
  t.equal(out[0]!.length, ROWS / 4, 'the packets themselves all arrive');
  const copies = Object.values(out).reduce((sum, list) => sum + list.length, 0);
  t.equal(copies, ROWS);
  t.equal(bench.element.drops['no-row'].value, (ROWS / 4) * outputs - ROWS);
});

t.test('N must be the number of outputs', async (t) => {
  t.throws(() => rig(Tee, '3', { outputs: 2 }), { message: 'Tee: N is 3, but 2 outputs are connected' });
});
