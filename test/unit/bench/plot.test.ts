import t from 'tap';
import { scaleOf, tickText } from '../../../bench/plot/scale.js';
import { drawSvg } from '../../../bench/plot/svg.js';

t.test('an axis has round steps, and holds all values', async (t) => {
  t.same(scaleOf({ label: '' }, [3, 97]).ticks, [0, 20, 40, 60, 80, 100]);
  t.same(scaleOf({ label: '', zero: true }, [90, 97]).ticks, [0, 20, 40, 60, 80, 100]);
  const factors = scaleOf({ label: '', log: true }, [20, 10_000]);
  t.same(factors.ticks, [10, 100, 1000, 10_000]);
  t.equal(factors.place(100), 1 / 3);
  t.equal(scaleOf({ label: '', zero: true }, [0, 0]).ticks.length, 2, 'when all are alike');
  t.throws(() => scaleOf({ label: '', log: true }, [0, 1]), /logarithmic axis cannot hold 0/);
  t.throws(() => scaleOf({ label: '' }, []), /an axis needs numbers/);
});

t.test('numbers beside an axis are short', async (t) => {
  t.same([0, 0.25, 1000, 10_000, 2_500_000, 1e9].map(tickText), ['0', '0.25', '1000', '10k', '2.5M', '1G']);
});

t.test('a plot has its title, units, names, and a point for each value', async (t) => {
  const points = [
    [10, 1],
    [100, 2],
  ] as const;
  const svg = drawSvg([
    {
      title: 'a < b',
      x: { label: 'flows', log: true },
      y: { label: 'ns', zero: true },
      series: [{ name: 'known', points }],
    },
  ]);
  for (const text of ['a &lt; b', '>flows<', '>ns<', '>known<', '>100<']) t.match(svg, text);
  t.equal(svg.match(/<circle/g)?.length, 2);
  t.match(svg, /prefers-color-scheme:dark/);
  t.notMatch(svg, /NaN|undefined/);
});
