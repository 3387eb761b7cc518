import t from 'tap';
import { CheckPaint } from '../../../src/elements/CheckPaint.js';
import { Paint } from '../../../src/elements/Paint.js';
import { PaintSwitch } from '../../../src/elements/PaintSwitch.js';
import { rig } from '../rig.js';

t.test('Paint paints, and the color can be changed', async (t) => {
  const bench = rig(Paint, '7');
  bench.put(Buffer.alloc(20), { paint: 1 });
  t.equal(bench.run().out![0]!.paint, 7);
  bench.element.handlers().color.write('8');
  bench.put(Buffer.alloc(20));
  t.equal(bench.run().out![0]!.paint, 8);
  t.equal(bench.element.handlers().color.read(), '8');
  t.throws(() => bench.element.handlers().color.write('256'), { message: /from 0 to 255/ });
});

t.test('PaintSwitch chooses the output by color', async (t) => {
  const bench = rig(PaintSwitch, '', { outputs: 2 });
  for (const paint of [0, 1, 2, 255]) bench.put(Buffer.from([paint]), { paint });
  const out = bench.run();
  t.strictSame(
    [out[0], out[1]].map((list) => list!.map(({ bytes }) => bytes[0])),
    [
      [0, 255],
      [1, 255],
    ],
  );
  t.equal(bench.element.drops.unconnected.value, 1);
});

t.test('CheckPaint drops other colors, or gives them to output 1', async (t) => {
  const one = rig(CheckPaint, '1');
  const two = rig(CheckPaint, '1', { outputs: 2 });
  for (const bench of [one, two]) for (const paint of [0, 1, 2]) bench.put(Buffer.alloc(1), { paint });
  t.equal(one.run()[0]!.length, 1);
  t.equal(one.element.drops['other-color'].value, 2);
  t.same(
    two.run()[1]!.map(({ paint }) => paint),
    [0, 2],
  );
  t.throws(() => rig(CheckPaint, '1', { outputs: 3 }), { message: 'CheckPaint: it has one or two outputs' });
});
