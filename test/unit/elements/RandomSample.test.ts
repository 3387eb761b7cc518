import t from 'tap';
import { RandomSample } from '../../../src/elements/RandomSample.js';
import { rig } from '../rig.js';

function sampled(seed: bigint, config = '25%'): number[] {
  const bench = rig(RandomSample, config, { seed });
  for (let i = 0; i < 1000; i++) bench.put(Buffer.from([i >> 8, i & 255]));
  return bench.run()[0]!.map(({ bytes }) => bytes.readUInt16BE(0));
}

t.test('about the given share passes, the same with the same seed', async (t) => {
  const first = sampled(1n);
  t.ok(first.length > 200 && first.length < 300, `${first.length} of 1000`);
  t.strictSame(sampled(1n), first);
  t.notSame(sampled(2n), first);
  t.equal(sampled(1n, 'DROP 1').length, 0);
  t.equal(sampled(1n, 'SAMPLE 1').length, 1000);
  t.equal(sampled(1n, 'DROP 1, ACTIVE false').length, 1000);
});

t.test('the rest goes to output 1, or is dropped and counted', async (t) => {
  const bench = rig(RandomSample, '0.5', { outputs: 2 });
  const { sampling_prob, drop_prob, active, drops } = bench.element.handlers();
  for (let i = 0; i < 100; i++) bench.put(Buffer.alloc(1));
  const out = bench.run();
  t.equal(out[0]!.length + out[1]!.length, 100);
  t.equal(drops.read(), '0');
  drop_prob.write('0.75');
  t.equal(sampling_prob.read(), '0.25');
  active.write('false');
  t.equal(active.read(), 'false');
  t.throws(() => sampling_prob.write('2'), { message: /expected a fraction/ });
});

t.test('exactly one probability is given', async (t) => {
  t.throws(() => rig(RandomSample), { message: 'RandomSample: give one of P, SAMPLE and DROP' });
  t.throws(() => rig(RandomSample, '0.1, DROP 0.2'), { message: /give one of/ });
});
