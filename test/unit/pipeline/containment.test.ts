import t from 'tap';
import { elements } from '../../../src/elements/index.js';
import { checkGraph } from '../../../src/pipeline/check.js';
import { formatDiagnostic } from '../../../src/pipeline/click/diagnostics.js';

const folder = t.testdir({ 'a.map': '0.0.0.0/0 linux\n', 'a.policy': 'reply -> forward\n' });

/** A gateway, of which the way from the export policy on is to be given. */
const gateway = (rest: string) => `tunnel :: GreTunnel(LOCAL 192.0.2.2, REMOTE 192.0.2.1) -> Discard;
export :: ExportPolicy(POLICY a.policy);
Idle -> farm :: CloneFarm;
${rest}`;
const REST = 'export[redirect] -> Discard; export[drop] -> Discard;';

function errors(rest: string): string[] {
  const { diagnostics } = checkGraph({ file: `${folder}/g.click`, text: gateway(rest) }, elements);
  return diagnostics.filter(({ severity }) => severity === 'error').map(formatDiagnostic);
}

const leak = (path: string) =>
  `${folder}/g.click:3:9: packets of clones could leave without a licence: ${path}; let them pass the licensed output of an ExportPolicy`;

t.test('what is licensed may leave', async (t) => {
  t.same(errors(`farm -> export; export[forward] -> Counter -> tunnel; export[reflect] -> Discard; ${REST}`), []);
});

t.test('every other way out is refused, with its path', async (t) => {
  const cases: Record<string, [rest: string, path: string]> = {
    'another output of the policy': [
      `farm -> export; export[forward] -> Discard; export[reflect] -> tunnel; ${REST}`,
      'farm -> export -> tunnel',
    ],
    'no policy at all': [
      `farm -> c :: Counter -> ToDevice(eth0); Idle -> export; export[forward] -> tunnel; export[reflect] -> Discard; ${REST}`,
      'farm -> c -> ToDevice@1',
    ],
    'a way around it': [
      `farm -> s :: Tee; s[0] -> export; s[1] -> q :: Queue -> tunnel; export[forward] -> tunnel; export[reflect] -> Discard; ${REST}`,
      'farm -> s -> q -> tunnel',
    ],
    'a compound that hides it': [
      `elementclass Hidden { input -> c :: Counter -> output };
       farm -> h :: Hidden -> tunnel; Idle -> export; export[forward] -> tunnel; export[reflect] -> Discard; ${REST}`,
      'farm -> h/c -> tunnel',
    ],
  };
  for (const [name, [rest, path]] of Object.entries(cases)) {
    const found = errors(rest).map((each) => each.replace(/ToDevice@\d+/, 'ToDevice@1'));
    t.same(found, [leak(path)], name);
  }
});
