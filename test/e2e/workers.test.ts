import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { workerFor } from '../../src/packet/spread.js';
import { craft } from '../unit/craft.js';
import { greVariant } from '../unit/gre-variants.js';
import { Gateway } from './gateway.js';
import { until } from './lab-rig.js';
import { noNamespaces, Pair } from './netns.js';
import { sendFrom } from './sender.js';

const GRAPH = `
tunnel :: GreTunnel(LOCAL 192.0.2.2, REMOTE 192.0.2.1);
Idle -> tunnel -> CheckIPHeader -> [outside] flows :: FlowTable;
Idle -> [inside] flows;
flows[new] -> scans :: ScanFilter(TARGETS 3);
scans[pass] -> UniverseTagger -> passed :: Counter -> Discard;
scans[scan] -> scanned :: Counter -> Discard;
flows[known] -> Discard;
flows[stray] -> Discard;
flows[inside] -> Discard;
`;

/** Addresses that one source tries, one after the other. */
const SWEEP = 60;
const WORKERS = 2;

t.test('two workers share what comes, and remember scans together', { skip: noNamespaces }, async (t) => {
  const pair = new Pair();
  const folder = mkdtempSync(join(tmpdir(), 'potemkin-test-'));
  t.teardown(() => {
    pair.remove();
    rmSync(folder, { recursive: true });
  });
  const graph = join(folder, 'sensor.click');
  writeFileSync(graph, GRAPH);
  const place = { namespaces: { gateway: pair.right } };
  const gateway = await Gateway.start(t, place, graph, '--workers', String(WORKERS), '--state', folder);

  const sent = Array.from({ length: SWEEP }, (_, i) =>
    greVariant({ inner: craft({ proto: 6, src: 0x01020304, dst: 0x0a630000 + i, dport: 445 }) }),
  );
  await sendFrom(pair.left, pair.name, sent);
  const into = (to: string, worker = '\\d') => new RegExp(`to="${to}\\[in\\]".*worker="${worker}"`);
  const links = 'potemkin_link_packets_total';
  const counted = async () =>
    (await gateway.metric(links, into('passed'))) + (await gateway.metric(links, into('scanned')));
  await until('all packets', async () => (await counted()) === SWEEP);
  for (let worker = 0; worker < WORKERS; worker++) {
    const own = sent.filter((bytes) => workerFor(bytes, WORKERS) === worker).length;
    const took = await gateway.metric(links, new RegExp(`from="tunnel\\[out\\]".*worker="${worker}"`));
    t.equal(took, own, `worker ${worker}`);
    t.ok(own > SWEEP / 4, 'which is a good part of all');
  }
  t.equal(await gateway.metric(links, into('passed')), 3, 'three targets in all, not three of each worker');
  t.equal(await gateway.metric(links, into('scanned')), SWEEP - 3);

  const health = await gateway.get('/healthz');
  const { workers } = (await health.json()) as { workers: { status: string }[] };
  t.same([health.status, workers.map(({ status }) => status)], [200, ['ok', 'ok']]);
  t.equal(await gateway.end(), 0);
});
