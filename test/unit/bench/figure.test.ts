import t from 'tap';
import { short, summarize, table } from '../../../bench/figure.js';
import { type Bench, interleave } from '../../../bench/suite.js';

t.test('a figure is summed up by its median', async (t) => {
  t.same(summarize({ name: 'a', unit: 'ns', values: [3, 9, 1] }), {
    name: 'a',
    value: 3,
    unit: 'ns',
    runs: 3,
    min: 1,
    median: 3,
    max: 9,
  });
  t.equal(summarize({ name: 'a', unit: 'ns', values: [4, 1, 2, 3] }).median, 2.5, 'of an even number');
});

t.test('numbers are short', async (t) => {
  t.same([0, 0.0123, 1.005, 42.42, 150.4, 12_345.6].map(short), ['0', '0.012', '1.00', '42.4', '150', '12346']);
});

t.test('the table says what met its goal', async (t) => {
  const text = table([
    { name: 'fast', unit: 'ns', values: [10], goal: 10 },
    { name: 'slow', unit: 'ns', values: [11], goal: 10 },
    { name: 'many', unit: 'clones/s', values: [15], floor: 15 },
    { name: 'few', unit: 'clones/s', values: [14], floor: 15 },
    { name: 'free', unit: 'ns', values: [1] },
  ]);
  t.match(text, /^fast .*≤ 10 +met$/m);
  t.match(text, /^slow .*≤ 10 +MISSED$/m);
  t.match(text, /^many .*≥ 15 +met$/m);
  t.match(text, /^few .*≥ 15 +MISSED$/m);
  t.match(text, /^free .* ns$/m);
});

t.test('cases take turns, and warming up does not count', async (t) => {
  const order: string[] = [];
  const bench: Bench = {
    rounds: 2,
    quick: true,
    state: '/nonexistent',
    wants: () => true,
    report: () => {},
    note: () => {},
    plot: () => {},
    progress: () => {},
    tell: () => {},
  };
  const one = (name: string) => ({
    name,
    run: () => new Map([['time', order.push(name)]]),
  });
  t.same(await interleave(bench, [one('a'), one('b')]), [new Map([['time', [3, 5]]]), new Map([['time', [4, 6]]])]);
  t.same(order, ['a', 'b', 'a', 'b', 'a', 'b']);
});
