import t from 'tap';
import { drawGraph, renderSvg } from '../../../src/cli/draw.js';
import { checkGraph } from '../../../src/pipeline/check.js';
import { AnyElement, type ElementClass } from '../../../src/pipeline/element.js';
import { Registry } from '../../../src/pipeline/registry.js';
import type { Spec } from '../../../src/pipeline/spec.js';

function element(name: string, spec: Partial<Spec>): ElementClass {
  const whole = { summary: '', inputs: {}, outputs: {}, config: {}, drops: {}, ...spec };
  const Class = class extends AnyElement {
    static readonly spec = whole;
  };
  Object.defineProperty(Class, 'name', { value: name });
  return Class as unknown as ElementClass;
}

const registry = new Registry([
  element('Farm', { inputs: { in: '' }, outputs: { out: '' }, decoupled: true, containment: { role: 'farm' } }),
  element('Check', { inputs: { in: '' }, outputs: { out: '' }, effect: 'reads' }),
  element('Flows', {
    inputs: { inside: '' },
    outputs: { inside: '' },
    effect: { tracks: { outside: [], inside: ['inside'] }, tracked: 'inside' },
  }),
  element('Policy', {
    inputs: { in: '' },
    outputs: { forward: '', drop: '' },
    containment: { role: 'guard', licenses: 'forward' },
  }),
  element('Tunnel', { inputs: { in: '' }, outputs: { out: '' }, containment: { role: 'exit' } }),
  element('Discard', { inputs: { in: '' } }),
]);

const text = `
elementclass Guarded { input -> p :: Policy; p[forward] -> output; p[drop] -> Discard; }
t :: Tunnel -> farm :: Farm -> Check -> Flows -> <"&> :: Guarded -> t;
`.replace('<"&>', 'g');

t.test('a picture of a graph', async (t) => {
  const { graph, diagnostics } = checkGraph({ file: 'x.click', text }, registry);
  t.same(diagnostics, []);
  const dot = drawGraph(graph!.flat, registry);
  t.match(dot, /<B>farm<\/B> :: Farm<.*#fee4e2/);
  t.match(dot, /<B>Discard<\/B>/, 'an element without a name of its own');
  t.match(dot, /subgraph "cluster_g"/);
  const edges = dot.split('\n').filter((line) => line.includes(' -> n'));
  t.equal(edges.length, 6);
  const red = edges.filter((line) => line.includes('#d9857c'));
  t.equal(
    red.length,
    4,
    "from the farm to the policy, and what the policy drops: not the tunnel's way in, nor the licence",
  );
  const svg = await renderSvg(dot);
  t.match(svg, /^<\?xml[\s\S]*<svg[\s\S]*<\/svg>\s*$/);
});

t.test('names and texts cannot break out of their labels', async (t) => {
  const position = { file: '', line: 1, column: 1 };
  const flat = {
    elements: [{ name: 'a', class: 'Discard', config: '', arguments: [{ text: '"<b>&]>', position }], position }],
    connections: [],
    requirements: [],
  };
  const dot = drawGraph(flat as never, registry);
  t.match(dot, '&#34;&#60;b&#62;&#38;]&#62;');
  await t.resolves(renderSvg(dot));
});
