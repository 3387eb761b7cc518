import t from 'tap';
import { elements } from '../../../src/elements/index.js';
import { checkGraph } from '../../../src/pipeline/check.js';
import { formatDiagnostic } from '../../../src/pipeline/click/diagnostics.js';

const folder = t.testdir({ 'a.map': '0.0.0.0/0 linux\n', 'a.policy': 'reply -> forward\n' });

/** A gateway that is contained, statement by statement, to be spoilt in one place. */
const GATEWAY = {
  tunnel: 'tunnel :: GreTunnel(LOCAL 192.0.2.2, REMOTE 192.0.2.1)',
  flows: 'flows :: FlowTable; export :: ExportPolicy(POLICY a.policy); bind :: Dispatcher(MAP a.map)',
  in: 'tunnel -> CheckIPHeader -> [outside] flows',
  known: 'flows[known] -> farm :: CloneFarm',
  new: 'flows[new] -> universe :: UniverseTagger -> bind -> farm',
  stray: 'flows[stray] -> Discard',
  out: 'farm -> check :: CheckIPHeader -> [inside] flows',
  inside: 'flows[inside] -> export',
  forward: 'export[forward] -> tunnel',
  reflect: 'export[reflect] -> mirror :: Reflector -> bind',
  redirect: 'export[redirect] -> farm',
  drop: 'export[drop] -> Discard',
  more: '',
};

function errors(change: Partial<typeof GATEWAY>): string[] {
  const text = Object.values({ ...GATEWAY, ...change }).join(';\n');
  const { diagnostics } = checkGraph({ file: `${folder}/g.click`, text }, elements);
  return diagnostics
    .filter(({ severity }) => severity === 'error')
    .map((each) => formatDiagnostic(each).replace(/(\w)@\d+/g, '$1'));
}

/** The farm is declared in line 4. */
const FARM = `${folder}/g.click:4:17`;
const leak = (path: string, why = 'let them pass the licensed output of an ExportPolicy') =>
  `${FARM}: packets of clones could leave without a licence: ${path}; ${why}`;

t.test('what is licensed may leave', async (t) => {
  const cases: Record<string, Partial<typeof GATEWAY>> = {
    'by the licensed output alone': {},
    'held, counted, wrapped and recorded behind the policy': {
      forward:
        'export[forward] -> Queue -> Counter -> GreEncap(192.0.2.2, 192.0.2.1) -> ToDump(a.pcap) -> ToDevice(eth0)',
      more: 'Idle -> tunnel',
    },
    'a copy for the record': { forward: 'export[forward] -> s :: Tee -> tunnel; s[1] -> ToDump(a.pcap)' },
    'held and sorted before the flow table, and sorted behind it': {
      out: 'farm -> Queue -> CheckIPHeader -> IPClassifier(-) -> [inside] flows',
      inside: 'flows[inside] -> w :: Switch(0); w[0] -> Counter -> export; w[1] -> export',
    },
    'one policy behind the other': {
      forward: 'export[forward] -> strict :: ExportPolicy(POLICY a.policy)',
      more: 'strict[forward] -> tunnel; strict[reflect] -> Discard; strict[redirect] -> farm; strict[drop] -> Discard',
    },
    'two policies, each for some': {
      inside:
        'flows[inside] -> w :: IPClassifier(tcp, -); w[0] -> export; w[1] -> other :: ExportPolicy(POLICY a.policy)',
      more: 'other[forward] -> tunnel; other[reflect] -> Discard; other[redirect] -> farm; other[drop] -> Discard',
    },
    'two farms behind one flow table': { more: 'Idle -> CloneFarm -> CheckIPHeader -> [inside] flows' },
  };
  for (const [name, change] of Object.entries(cases)) t.same(errors(change), [], name);
});

t.test('every other way out is refused, with its path', async (t) => {
  const cases: Record<string, [change: Partial<typeof GATEWAY>, path: string]> = {
    'another output of the policy': [
      { reflect: 'export[reflect] -> tunnel' },
      'farm -> check -> flows -> export -> tunnel',
    ],
    'no policy at all': [
      { out: 'farm -> c :: Counter -> ToDevice(eth0); Idle -> [inside] flows' },
      'farm -> c -> ToDevice',
    ],
    'a way around it': [
      { out: 'farm -> s :: Tee -> CheckIPHeader -> [inside] flows; s[1] -> q :: Queue -> tunnel' },
      'farm -> s -> q -> tunnel',
    ],
    'an output that a handler can choose': [
      { out: 'farm -> s :: Switch(0); s[0] -> CheckIPHeader -> [inside] flows; s[1] -> tunnel' },
      'farm -> s -> tunnel',
    ],
    'a compound that hides it': [
      {
        out: 'elementclass Hidden { input -> c :: Counter -> output }; farm -> h :: Hidden -> tunnel; Idle -> [inside] flows',
      },
      'farm -> h/c -> tunnel',
    ],
    'a record that is played again': [
      { out: 'farm -> w :: ToDump(a.pcap); Idle -> [inside] flows', more: 'r :: FromDump(a.pcap) -> tunnel' },
      'farm -> w -> r -> tunnel',
    ],
    'a second farm that has no policy': [{ more: 'Idle -> other :: CloneFarm -> tunnel' }, 'other -> tunnel'],
  };
  for (const [name, [change, path]] of Object.entries(cases)) {
    t.same(
      errors(change),
      [leak(path).replace(FARM, path.startsWith('other') ? `${folder}/g.click:13:9` : FARM)],
      name,
    );
  }
});

t.test('a policy that does not know what it judges licenses nothing', async (t) => {
  const way = 'farm -> check -> flows -> export -> tunnel';
  const second = 'strict :: ExportPolicy(POLICY a.policy)';
  const rest = 'strict[reflect] -> Discard; strict[redirect] -> farm; strict[drop] -> Discard';
  const cases: Record<string, [change: Partial<typeof GATEWAY>, path: string, why: string]> = {
    'no flow table': [
      { out: 'farm -> export', inside: 'flows[inside] -> Discard', more: 'Idle -> [inside] flows' },
      'farm -> export -> tunnel',
      'export cannot judge what comes by farm -> export: it has not passed a FlowTable by its inside',
    ],
    'a flow table by its outside': [
      {
        in: 'tunnel -> CheckIPHeader -> [inside] flows',
        out: 'farm -> CheckIPHeader -> [outside] flows',
        known: 'flows[known] -> export',
        new: 'flows[new] -> Discard; farm :: CloneFarm',
        inside: 'flows[inside] -> farm',
      },
      'farm -> CheckIPHeader -> flows -> export -> tunnel',
      'export cannot judge what comes by farm -> CheckIPHeader -> flows -> export: flows takes packets of clones for packets from outside: farm -> CheckIPHeader -> flows',
    ],
    'what is reflected comes back from outside': [
      { reflect: 'export[reflect] -> mirror :: Reflector -> q :: Queue -> [outside] flows' },
      way,
      'export cannot judge what comes by farm -> check -> flows -> export: flows takes packets of clones for packets from outside: farm -> check -> flows -> export -> mirror -> q -> flows',
    ],
    'what is licensed comes back from outside': [
      { forward: 'export[forward] -> s :: Tee -> tunnel; s[1] -> q :: Queue -> [outside] flows' },
      'farm -> check -> flows -> export -> s -> tunnel',
      'export cannot judge what comes by farm -> check -> flows -> export: flows takes packets of clones for packets from outside: farm -> check -> flows -> export -> s -> q -> flows',
    ],
    'the outside comes in as a clone': [
      {
        in: 'tunnel -> c :: CheckIPHeader -> s :: Tee -> [outside] flows; s[1] -> t :: UniverseTagger -> [inside] flows',
      },
      way,
      'export cannot judge what comes by farm -> check -> flows -> export: flows takes packets from elsewhere for packets of clones: tunnel -> c -> s -> t -> flows',
    ],
    'the outside comes to the policy': [
      { known: 'flows[known] -> s :: IPClassifier(tcp, -) -> farm :: CloneFarm; s[1] -> export' },
      way,
      'export cannot judge what comes by tunnel -> CheckIPHeader -> flows -> s -> export: it has not passed a FlowTable by its inside',
    ],
    strays: [
      { stray: 'flows[stray] -> export' },
      way,
      "export cannot judge what comes by farm -> check -> flows -> export: it left flows by 'stray'",
    ],
    'headers that are not read': [
      { out: 'farm -> [inside] flows' },
      'farm -> flows -> export -> tunnel',
      'export cannot judge what comes by farm -> flows -> export: its headers are not read before flows',
    ],
    'a queue between flow table and policy': [
      { inside: 'flows[inside] -> q :: Queue -> export' },
      'farm -> check -> flows -> q -> export -> tunnel',
      'export cannot judge what comes by farm -> check -> flows -> q -> export: q holds it for a later turn',
    ],
    'copies between flow table and policy': [
      { inside: 'flows[inside] -> s :: Tee -> Discard; s[1] -> export' },
      'farm -> check -> flows -> s -> export -> tunnel',
      'export cannot judge what comes by farm -> check -> flows -> s -> export: s may have copied it',
    ],
    'two copies behind the policy': [
      { forward: 'export[forward] -> s :: Tee -> tunnel; s[1] -> d :: ToDevice(eth0)' },
      'farm -> check -> flows -> export -> s -> d',
      's may have copied it',
    ],
    'a tunnel in the tunnel, before the flow table': [
      { out: 'farm -> CheckIPHeader -> d :: GreDecap -> check :: CheckIPHeader -> [inside] flows' },
      'farm -> CheckIPHeader -> d -> check -> flows -> export -> tunnel',
      'export cannot judge what comes by farm -> CheckIPHeader -> d -> check -> flows -> export: d takes out of it what nobody has judged',
    ],
    'a tunnel in the tunnel, behind the policy': [
      { forward: 'export[forward] -> d :: GreDecap -> tunnel' },
      'farm -> check -> flows -> export -> d -> tunnel',
      'd takes out of it what nobody has judged',
    ],
    'a header of ours before the policy': [
      { inside: 'flows[inside] -> e :: GreEncap(192.0.2.2, 192.0.2.1) -> export' },
      'farm -> check -> flows -> e -> export -> tunnel',
      'export cannot judge what comes by farm -> check -> flows -> e -> export: e puts another header before it',
    ],
    'two flow tables on the way': [
      {
        inside:
          'flows[inside] -> [inside] more :: FlowTable; more[inside] -> export; more[stray] -> Discard; more[known] -> Discard; more[new] -> Discard; Idle -> [outside] more',
      },
      'farm -> check -> flows -> more -> export -> tunnel',
      'export cannot judge what comes by farm -> check -> flows -> more -> export: it has passed flows before more',
    ],
    'one policy for two flow tables': [
      {
        more: 'Idle -> f2 :: CloneFarm -> CheckIPHeader -> [inside] more :: FlowTable; more[inside] -> export; more[stray] -> Discard; more[known] -> Discard; more[new] -> Discard; Idle -> [outside] more',
      },
      way,
      'export cannot tell the flows of flows and more apart',
    ],
    'what a policy has refused, and perhaps answered, before the next one': [
      { redirect: `export[redirect] -> ${second}; strict[forward] -> tunnel`, more: rest },
      'farm -> check -> flows -> export -> strict -> tunnel',
      'strict cannot judge what comes by farm -> check -> flows -> export -> strict: export has refused it',
    ],
    'a licensed packet that is recorded and played again': [
      { forward: 'export[forward] -> w :: ToDump(a.pcap) -> tunnel; r :: FromDump(a.pcap) -> d :: ToDevice(eth0)' },
      'farm -> check -> flows -> export -> w -> r -> d',
      'r plays again what w has recorded',
    ],
  };
  for (const [name, [change, path, why]] of Object.entries(cases)) {
    const found = errors(change).filter((each) => !each.includes(': f2 ') && each.includes('licence: farm'));
    t.ok(
      found.some((each) => each.endsWith(leak(path, why).slice(FARM.length))),
      name,
      { found, wanted: leak(path, why) },
    );
  }
});

t.test('no packet of a clone may come into another universe', async (t) => {
  t.same(errors({ reflect: 'export[reflect] -> Reflector -> other :: UniverseTagger -> bind' }), [
    `${FARM}: packets of clones could come into another universe: farm -> check -> flows -> export -> Reflector -> other`,
  ]);
});
