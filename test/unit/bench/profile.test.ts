import t from 'tap';
import { drawFlames } from '../../../bench/profile/flame.js';
import { frameName, readPerf } from '../../../bench/profile/stacks.js';

/** Two samples of a turn, and one of the start of Node.js, as perf script prints them. */
const SCRIPT = `node 
\t    7f potemkin::readCapture
\t    7e JS:*pull file:///a/dist/src/elements/FromDump.js:79:9
\t    7d JS:*turn file:///a/dist/src/pipeline/engine.js:185:9
\t    7c JS:~play file:///a/dist/bench/chain.js:28:20

node 
\t    7e JS:^pull file:///a/dist/src/elements/FromDump.js:79:9
\t    7d JS:^turn file:///a/dist/src/pipeline/engine.js:185:9

node 
\t    1 node::Start
`;

t.test('frames of JavaScript and of native code have short names', async (t) => {
  t.equal(frameName('JS:*pull file:///a/dist/src/elements/FromDump.js:79:9'), 'pull FromDump.js');
  t.equal(frameName('JS:~ file:///a/dist/bench/chain.js:79:24'), '(anonymous) chain.js');
  t.equal(frameName('potemkin::(anonymous namespace)::Read'), 'potemkin::Read');
});

t.test('stacks begin with a turn of the engine, however it was compiled', async (t) => {
  const stacks = readPerf(SCRIPT);
  t.same(
    [...stacks].map(([key, { samples }]) => [key, samples]),
    [
      ['turn engine.js;pull FromDump.js;potemkin::readCapture', 1],
      ['turn engine.js;pull FromDump.js', 1],
    ],
  );
});

t.test('what calls lies below, and is as wide as all that it calls', async (t) => {
  const svg = drawFlames(readPerf(SCRIPT), 'a < b');
  t.match(svg, 'a &lt; b: 2 samples');
  t.match(svg, '<title>pull FromDump.js: 100.0 %</title>');
  t.match(svg, '<title>potemkin::readCapture: 50.0 %</title>');
  const widths = [...svg.matchAll(/<rect x="[\d.]+" y="\d+" width="([\d.]+)"/g)].map(([, width]) => width);
  t.same(widths, ['1199.5', '1199.5', '1199.5', '599.5']);
  t.throws(() => drawFlames(readPerf(''), ''), /no sample has a turn/);
});
