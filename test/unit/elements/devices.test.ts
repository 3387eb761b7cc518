import t from 'tap';
import { FromDevice } from '../../../src/elements/FromDevice.js';
import { ToDevice } from '../../../src/elements/ToDevice.js';
import { rig } from '../rig.js';

const missing = `none${process.pid}`;
const message = `${missing}: there is no such interface (ENODEV); trying again`;

t.test('an interface that is missing is told and counted, and does not stop the start', async (t) => {
  const bench = rig(FromDevice, missing);
  await bench.engine.start();
  t.match(bench.events, [{ kind: 'warning', element: 'element', message }]);
  t.equal(bench.element.metrics.interface_up.value, 0);
  bench.wait(1);
  t.equal(bench.element.metrics.interface_failures.value, 1);
  t.same(bench.run().out, []);
  await bench.engine.stop();
});

t.test('what is sent to an interface that is missing is refused', async (t) => {
  const bench = rig(ToDevice, missing);
  await bench.engine.start();
  bench.put(Buffer.alloc(40));
  bench.run();
  t.equal(bench.element.drops.refused.rows, 1);
  await bench.engine.stop();
});
