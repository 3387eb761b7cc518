import t from 'tap';
import { filterFacts, hasGuardedExit } from '../../../../src/control/filter/facts.js';
import { checkSource } from '../../../../src/control/graph-file.js';
import { DEFAULT_CEILING } from '../../../../src/farm/policy/ceiling.js';
import { formatDiagnostic } from '../../../../src/pipeline/click/diagnostics.js';

const folder = t.testdir({
  'a.map': '0.0.0.0/0 linux\n',
  'a.policy': 'reply -> forward\n',
  names: 'example.com\n',
  'mail.policy': 'ceiling { reply; tcp and dst port 25 and dst net 192.0.2.0/24 }\nreply -> forward\n',
});

function check(ways: string, flows = 'FlowTable', policy = 'POLICY a.policy') {
  const text = `flows :: ${flows}; export :: ExportPolicy(${policy}); ${ways};
    in -> CheckIPHeader -> [outside] flows; flows[known] -> farm :: CloneFarm; flows[new] -> UniverseTagger -> bind :: Dispatcher(MAP a.map) -> farm;
    flows[stray] -> Discard; farm -> CheckIPHeader -> [inside] flows; flows[inside] -> export;
    export[reflect] -> Reflector -> bind; export[redirect] -> farm; export[drop] -> Discard;`;
  const { graph, diagnostics } = checkSource({ file: `${folder}/g.click`, text }, {});
  if (!graph) throw new Error(diagnostics.map(formatDiagnostic).join('\n'));
  return graph;
}

const ends = { local: 0xc0000202, remote: 0xc0000201, key: undefined, checksum: false, sequence: false };
const GRE = 'in :: GreTunnel(LOCAL 192.0.2.2, REMOTE 192.0.2.1, DEVICE leg';

t.test('a tunnel and its ceiling', async (t) => {
  const graph = check(`${GRE}, KEY 7, SEQUENCE true); export[forward] -> Counter -> in`);
  t.ok(hasGuardedExit(graph));
  const tunnel = { ...ends, key: 7, sequence: true };
  t.same(filterFacts(graph), {
    exits: [{ device: 'leg', tunnel, boxes: DEFAULT_CEILING.boxes }],
    entrances: [{ device: 'leg', tunnel }],
    questions: [],
    quiet: { tcp: 360, udp: 120, echo: 90 },
  });
});

t.test('mail leaves if the ceiling and the graph say so', async (t) => {
  const way = `${GRE}); export[forward] -> in`;
  const mail = (policy: string) =>
    filterFacts(check(way, 'FlowTable', policy)).exits[0]!.boxes!.some(
      ({ dport: [first, last] }) => first === 25 && last === 25,
    );
  t.notOk(mail('POLICY mail.policy'));
  t.ok(mail('POLICY mail.policy, MAIL allow'));
});

t.test('devices, and time for the longest conversation of the flow table', async (t) => {
  const graph = check(
    'in :: FromDevice(eth1); export[forward] -> ToDevice(eth0)',
    'FlowTable(TIMEOUT 10s, TRANSITORY 20s, UDP 1.5s, ICMP 40s)',
  );
  t.same(filterFacts(graph), {
    exits: [{ device: 'eth0', boxes: DEFAULT_CEILING.boxes }],
    entrances: [{ device: 'eth1' }],
    questions: [],
    quiet: { tcp: 80, udp: 62, echo: 100 },
  });
});

t.test('an exit that no clone’s packets reach', async (t) => {
  const other = check(`${GRE}); export[forward] -> in; FromDump(a.pcap) -> ToDevice(eth0)`);
  t.same(filterFacts(other).exits.length, 1, 'nothing is said about an interface of its own');
  const same = check(`${GRE}); export[forward] -> in; FromDump(a.pcap) -> ToDevice(leg)`);
  t.same(filterFacts(same).exits[1], { device: 'leg', boxes: undefined }, 'on the same one it may send what it likes');
});

t.test('graphs that need no filter, or can have none', async (t) => {
  t.notOk(hasGuardedExit(check('in :: FromDump(a.pcap); export[forward] -> ToDump(b.pcap)')));
  const record = check(
    `${GRE}); export[forward] -> s :: Tee -> in; s[1] -> GreEncap(192.0.2.2, 192.0.2.1) -> ToDump(a)`,
  );
  t.equal(filterFacts(record).exits.length, 1, 'what is recorded may be wrapped');
  const wrapped = 'in :: FromDevice(eth1); export[forward] -> w :: GreEncap(192.0.2.2, 192.0.2.1) -> ToDevice(eth0)';
  t.throws(() => filterFacts(check(wrapped)), /cannot look into what w wraps: use GreTunnel, or --filter off/);
  t.throws(
    () => filterFacts(check('in :: FromDevice(eth1); export[forward] -> ToDevice("e\\" ")')),
    /cannot be made for an interface that is called/,
  );
});

t.test('a DNS server that sinks ask', async (t) => {
  const sinks = (keys: string) => `s :: Sinks(${keys}); Idle -> s; s[pass] -> Discard; s[answer] -> Discard`;
  const graph = (keys: string) => check(`${GRE}); export[forward] -> in; ${sinks(keys)}`);
  t.same(filterFacts(graph('PLAY dns')).questions, []);
  t.same(filterFacts(graph('PLAY dns, UPSTREAM 192.0.2.53')).questions, [], 'no name is to be asked for');
  t.same(filterFacts(graph('PLAY dns, RESOLVE names, UPSTREAM 192.0.2.53')).questions, [
    { server: 0xc0000235, port: 53 },
  ]);
});
