import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import t from 'tap';
import { metricName, metricsRegistry } from '../../src/control/metrics.js';
import { elements } from '../../src/elements/index.js';
import type { MetricSpec } from '../../src/pipeline/spec.js';
import { Stats } from '../../src/pipeline/stats.js';

/** Numbers of every kind, as a worker would share them. */
function example() {
  const stats = new Stats();
  stats.counter('link_packets', 'packets that passed a link of the graph', { from: 'a[out]', to: 'b[0]' }).add(3);
  stats.counter('link_packets', 'packets that passed a link of the graph', { from: 'b[0]', to: 'c[in]' }).add(2);
  stats
    .counter('dropped_packets', 'packets dropped, by element and reason', { element: 'od"d\\', reason: 'full' })
    .add(1);
  stats.gauge('openFlows', 'flows that are open', { element: 'flows' }).set(12.5);
  const times = stats.histogram('answer_seconds', 'time to the first answer', { element: 'farm' }, [0.001, 0.01]);
  for (const seconds of [0.0005, 0.001, 0.002, 5]) times.observe(seconds);
  const slots = new Float64Array(stats.share());
  return [{ worker: 0, stats: { slots, descriptions: stats.descriptions } }];
}

t.test('the text of /metrics is the golden one', async (t) => {
  const text = await metricsRegistry(example(), { version: '1.2.3', process: false }).text();
  t.equal(text, readFileSync(new URL('../../../test/data/metrics.txt', import.meta.url), 'utf8'));
});

t.test('a scrape reads what the worker has written since, and workers that started since', async (t) => {
  const sources: ReturnType<typeof example> = [];
  const metrics = metricsRegistry(sources, { version: '', process: false });
  t.notMatch(await metrics.text(), 'link_packets');
  sources.push(...example());
  t.match(await metrics.text(), 'potemkin_link_packets_total{from="a[out]",to="b[0]",worker="0"} 3');
  sources[0]!.stats.slots[0] = 7;
  t.match(await metrics.text(), 'potemkin_link_packets_total{from="a[out]",to="b[0]",worker="0"} 7');
});

t.test('the format is that of Prometheus', async (t) => {
  const text = await metricsRegistry(example(), { version: '1.2.3' }).text();
  const families = new Map<string, string>();
  const seen = new Set<string>();
  for (const line of text.split('\n').filter((each) => each !== '')) {
    const head = /^# (HELP|TYPE) ([a-z_][a-z0-9_]*) (.+)$/.exec(line);
    if (head) {
      if (head[1] === 'TYPE') families.set(head[2]!, head[3]!);
      continue;
    }
    const sample = /^([a-z_][a-z0-9_]*)(\{(?:[a-z_]+="(?:[^"\\\n]|\\[\\"n])*",?)*\})? (\S+)$/.exec(line);
    if (!sample) {
      t.fail(`not a sample: ${line}`);
      continue;
    }
    const [, name, labels, value] = sample;
    const family = families.get(name!) ? name! : name!.replace(/_(bucket|sum|count)$/, '');
    t.ok(families.has(family), `${name} belongs to a family`);
    if (families.get(family) === 'counter') t.match(family, /_total$/);
    t.notOk(Number.isNaN(Number(value!.replace('Nan', ''))), line);
    t.notOk(seen.has(`${name}${labels}`), `${name}${labels} is there once`);
    seen.add(`${name}${labels}`);
  }
});

/** Where scripts/setup --test puts it, else the one on PATH. */
const promtool = existsSync('.cache/promtool') ? '.cache/promtool' : 'promtool';
const noPromtool = spawnSync(promtool, ['--version']).error ? 'promtool (Debian: prometheus) is not there' : false;

t.test('promtool has no objections', { skip: noPromtool }, async (t) => {
  const input = await metricsRegistry(example(), { version: '1.2.3' }).text();
  const { status, stdout, stderr } = spawnSync(promtool, ['check', 'metrics'], { input, encoding: 'utf8' });
  t.equal(stdout + stderr, '');
  t.equal(status, 0);
});

t.test('elements that share a metric mean the same by it, and use names that Prometheus takes', async (t) => {
  const known = new Map<string, { owner: string; facts: unknown }>();
  for (const owner of elements.names) {
    for (const [name, metric] of Object.entries<MetricSpec>(elements.get(owner)!.spec.metrics ?? {})) {
      const full = metricName({ name, kind: metric.kind });
      t.match(full, /^potemkin_[a-z][a-z0-9_]*$/);
      const facts = { ...metric, label: metric.label?.name };
      const first = known.get(full);
      if (first) t.same(facts, first.facts, `${full} of ${owner} and of ${first.owner}`);
      else known.set(full, { owner, facts });
      if (metric.label) t.match(metric.label.name, /^[a-z_]+$/);
    }
  }
});
