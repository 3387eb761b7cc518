import t from 'tap';
import { BandwidthMeter } from '../../../src/elements/BandwidthMeter.js';
import { Meter } from '../../../src/elements/Meter.js';
import type { AnyElement } from '../../../src/pipeline/element.js';
import { type Rig, type RigOptions, rig } from '../rig.js';

const meter = (config: string, options: RigOptions) => rig(Meter, config, options);
const bandwidthMeter = (config: string, options: RigOptions) => rig(BandwidthMeter, config, options);

/** Packets per output while one of `size` bytes arrives every `gap` seconds. */
function steady(
  make: (config: string, options: RigOptions) => Rig<AnyElement>,
  config: string,
  gap: number,
  size: number,
): number[] {
  const bench = make(config, { outputs: 3 });
  for (let i = 0; i < 10 / gap; i++) {
    bench.wait(gap);
    bench.put(Buffer.alloc(size));
    bench.run();
  }
  const counts = [0, 0, 0];
  for (let i = 0; i < 1 / gap; i++) {
    bench.wait(gap);
    bench.put(Buffer.alloc(size));
    for (const [port, list] of Object.entries(bench.run())) counts[Number(port)]! += list.length;
  }
  return counts;
}

t.test('Meter sends the stream to the output of its rate in packets', async (t) => {
  t.strictSame(steady(meter, '20, 80', 0.1, 1000), [10, 0, 0]);
  t.strictSame(steady(meter, '20, 80', 0.02, 1000), [0, 50, 0]);
  t.strictSame(steady(meter, '20, 80', 0.01, 1000), [0, 0, 100]);
});

t.test('BandwidthMeter does so by bytes', async (t) => {
  t.strictSame(steady(bandwidthMeter, '2kBps, 8000', 0.1, 100), [10, 0, 0]);
  t.strictSame(steady(bandwidthMeter, '2kBps, 8000', 0.1, 500), [0, 10, 0]);
  t.strictSame(steady(bandwidthMeter, '2kBps, 64kbps', 0.1, 1000), [0, 0, 10]);
});

t.test('the rate can be read, and falls in silence', async (t) => {
  const bench = rig(Meter, '1000', { outputs: 2 });
  for (let i = 0; i < 50; i++) bench.put(Buffer.alloc(1));
  bench.run();
  t.equal(bench.element.handlers().rate.read(), '50');
  bench.wait(20);
  t.ok(Number(bench.element.handlers().rate.read()) < 1e-6);
});

t.test('rates rise, and have an output each', async (t) => {
  t.throws(() => rig(Meter, '', { outputs: 1 }), { message: 'Meter: give at least one rate' });
  t.throws(() => rig(Meter, '20, 10', { outputs: 3 }), { message: /above the one before/ });
  t.throws(() => rig(Meter, '20', { outputs: 1 }), { message: 'Meter: 1 rates need 2 outputs, but 1 are connected' });
  t.throws(() => rig(BandwidthMeter, 'much', { outputs: 2 }), { message: /expected bytes per second/ });
});
