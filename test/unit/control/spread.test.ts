import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { checkSource } from '../../../src/control/graph-file.js';
import { commonOf, requireSpread } from '../../../src/control/spread.js';
import { elements } from '../../../src/elements/index.js';
import type { CheckedGraph } from '../../../src/pipeline/check.js';

const CONFIG = fileURLToPath(new URL('../../../../config/', import.meta.url));

function graphOf(text: string, file = `${CONFIG}test.click`): CheckedGraph {
  const { graph, diagnostics } = checkSource({ file, text }, {});
  if (!graph) throw new Error(diagnostics.map(({ message }) => message).join('\n'));
  return graph;
}

/** What is said against a graph, without places. */
function against(text: string, workers = 2): string[] {
  try {
    requireSpread(graphOf(text), workers);
    return [];
  } catch (error) {
    return (error as Error).message.split('\n').map((line) => line.replace(/^.*? error: |^\S+:\d+:\d+: /, ''));
  }
}

const RECEIVE = 'tunnel :: GreTunnel(LOCAL 192.0.2.2, REMOTE 192.0.2.1); Idle -> tunnel -> CheckIPHeader';
const FLOWS = `${RECEIVE} -> [outside] flows :: FlowTable; Idle -> [inside] flows;
  flows[known] -> Discard; flows[stray] -> Discard; flows[inside] -> Discard; flows[new] -> `;

t.test('a graph that only receives, filters and counts can be spread', async (t) => {
  t.same(
    against(`${FLOWS} scans :: ScanFilter; scans[scan] -> Discard;
    scans[pass] -> UniverseTagger -> Dispatcher(MAP addresses.map) -> Counter -> Discard;`),
    [],
  );
});

t.test('one with clones cannot, and all that is against it is named', async (t) => {
  const text = readFileSync(`${CONFIG}farm.click`, 'utf8');
  t.throws(() => requireSpread(graphOf(text, `${CONFIG}farm.click`), 3), {
    message:
      /farm\.click:\d+:\d+: .*CloneFarm cannot be spread over 3 workers: clones[\s\S]*ExportPolicy cannot be spread/,
  });
});

t.test('what is of one worker by its configuration is refused', async (t) => {
  const cases: readonly (readonly [string, RegExp])[] = [
    ['FromDevice(eth0, METHOD RAW, PROTOCOL 47) -> Discard;', /METHOD RAW cannot leave packets to other workers/],
    ['FromDump(a.pcap) -> Discard;', /FromDump .* a capture is played by one worker/],
    [RECEIVE.replace('REMOTE', 'SEQUENCE true, REMOTE').concat(' -> Discard;'), /SEQUENCE numbers the packets of one/],
    ['FromDevice(eth0) -> GreDecap(ORDER true) -> Discard;', /ORDER asks for the packets of one worker/],
    ['FromDevice(eth0) -> GreDecap(ETHERNET true) -> Discard;', /ETHERNET/],
    [`${FLOWS} UniverseTagger(KEY source) -> Discard;`, /KEY source/],
    [`${FLOWS} UniverseTagger(OPEN 10.0.0.0/8) -> Discard;`, /OPEN/],
    [`${FLOWS} UniverseTagger(SHARED 1%) -> Discard;`, /SHARED/],
    ['FromDevice(eth0) -> Shaper(10) -> Discard;', /Shaper cannot be spread over 2 workers: it is made for one worker/],
  ];
  for (const [text, why] of cases) {
    const said = against(text);
    t.match(said, [why], text);
    t.equal(said.length, 1, text);
  }
});

t.test('an element that says nothing of workers is of one', async (t) => {
  const silent = elements.names.filter((name) => elements.get(name)!.spec.workers === undefined);
  t.same(
    ['Meter', 'RoundRobinSwitch', 'RandomSample', 'Rewriter', 'Script', 'Sinks'].filter(
      (name) => !silent.includes(name),
    ),
    [],
  );
});

t.test('scan filters have memory in common, each its own', async (t) => {
  const graph = graphOf(`${FLOWS} a :: ScanFilter(SCANS 64); a[scan] -> Discard; a[pass] -> b :: ScanFilter;
    b[pass] -> Discard; b[scan] -> Discard;`);
  const common = commonOf(graph, 1n);
  t.same([...common.keys()], ['a', 'b']);
  t.type((common.get('a') as { table: unknown }).table, SharedArrayBuffer);
});
