import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { Dispatcher } from '../../../src/elements/Dispatcher.js';
import { Images } from '../../../src/farm/images.js';
import { rig } from '../rig.js';

t.test('writes the image that plays the destination', async (t) => {
  const folder = t.testdir({ 'a.map': '10.0.0.0/8 linux\n10.0.0.7 windows\n' });
  const bench = rig(Dispatcher, 'MAP a.map', { folder });
  for (const dst of [0x0a000001, 0x0a000007, 0x0b000001]) bench.put(Buffer.alloc(20), { dst });
  const images = bench.engine.services.shared(Images);
  t.same(
    bench.run().out!.map(({ image }) => images.name((image as number) - 1)),
    ['linux', 'windows'],
  );
  t.equal(bench.element.drops.unmapped.value, 1);
  const { lookup } = bench.element.handlers();
  lookup.write('10.0.0.7');
  t.equal(lookup.read(), '10.0.0.7 windows');
  t.throws(() => lookup.write('ten'), { message: /expected an IPv4 address/ });
});

t.test('a map that is missing or wrong is an error of the graph', async (t) => {
  const folder = t.testdir({});
  t.throws(() => rig(Dispatcher, 'MAP no.map', { folder }), { message: /MAP: expected a file that can be read/ });
  writeFileSync(join(folder, 'bad.map'), '10.0.0.0/99 linux\n');
  t.throws(() => rig(Dispatcher, 'MAP bad.map', { folder }), { message: /bad\.map:1:1: expected a prefix/ });
});
