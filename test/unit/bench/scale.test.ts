import t from 'tap';
import { drawSvg } from '../../../bench/plot/svg.js';
import { cloneCosts } from '../../../bench/scale/clones.js';
import { flowCosts } from '../../../bench/scale/flows.js';
import { scattered } from '../../../bench/scale/size.js';
import { telescopeCosts } from '../../../bench/scale/telescope.js';
import { scalePanels } from '../../../bench/suites/scale.js';

t.test('each number below the limit comes once, however large it is', async (t) => {
  for (const limit of [1, 2, 1000, 4096, 99_991]) {
    const number = scattered(limit);
    t.equal(new Set(Array.from({ length: limit }, (_, i) => number(i))).size, limit, String(limit));
  }
});

t.test('costs are found, and drawn', async (t) => {
  const flows = flowCosts(4096);
  t.ok(flows['new']! > 0 && flows['known']! > 0 && flows['bytes']! > 40);
  const telescope = telescopeCosts(20);
  t.ok(telescope['lookup']! > 0);
  const all = [flows, telescope].map((costs) => new Map(Object.entries(costs).map(([what, cost]) => [what, [cost]])));
  const svg = drawSvg(
    scalePanels(
      new Map([
        ['flows', new Map([[4096, all[0]!]])],
        ['telescope', new Map([[20, all[1]!]])],
      ]),
    ),
  );
  t.match(svg, 'Address map');
  t.notMatch(svg, /NaN|undefined/);
});

t.test('all clones are made, in one universe or in many', async (t) => {
  for (const shared of [true, false]) {
    const costs = await cloneCosts(100, shared, 100);
    t.ok(costs['birth']! > 0 && costs['known']! > 0);
  }
});
