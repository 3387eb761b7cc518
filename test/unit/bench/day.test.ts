import t from 'tap';
import { growth, halves } from '../../../bench/day/growth.js';
import { type Look, playDay } from '../../../bench/day/play.js';
import { drawSvg } from '../../../bench/plot/svg.js';
import { dayPanels } from '../../../bench/suites/day.js';

t.test('a short day goes through the whole graph', async (t) => {
  const looks: Look[] = [];
  const all = await playDay({ packets: 4000, seconds: 4 }, (look) => looks.push(look));
  t.same(all, looks);
  const last = all.at(-1)!;
  t.equal(last.packets, 4000);
  t.ok(last.made > 30 && last.clones > 0 && last.universes > 0, 'clones answer');
  t.ok(last.time > 3.5 && last.time < 5, 'at the time of the packets');
  t.ok(all.every((look, i) => i === 0 || look.packets >= all[i - 1]!.packets));
  const svg = drawSvg(dayPanels(all));
  t.match(svg, /^<svg .*<\/svg>\n$/s);
  t.notMatch(svg, /NaN|Infinity/);
});

t.test('growth is that of the second half, and what settles first does not count', async (t) => {
  const looks = Array.from({ length: 96 }, (_, i) => ({ rss: i < 12 ? 10 : i < 48 ? 100 : i < 60 ? 1000 : 103 }));
  const of = ({ rss }: Look) => rss;
  t.same(halves(looks as Look[], of), [100, 103]);
  t.equal(Math.round(growth(looks as Look[], of) * 1000), 30);
});
