import { loadFacts, makeFacts, type Sender } from '../../../../src/farm/policy/facts.js';
import { DEFAULT_RULE, Policy, type Rule } from '../../../../src/farm/policy/policy.js';
import { FLOW } from '../../../../src/packet/flow.js';
import { Packets } from '../../../../src/packet/packets.js';
import { columnsOf, craft, type Wanted } from '../../craft.js';

/** Flow states of packets that clones send. */
export const STATE = { begun: 0, reply: FLOW.known | FLOW.reply | FLOW.fromOutside, answer: FLOW.known | FLOW.reply };

export interface Asked extends Wanted {
  way?: keyof typeof STATE;
  age?: number;
  sender?: Partial<Omit<Sender, 'image'>> & { image?: string };
}

/** The rule that decides about a packet. */
export function decide(policy: Policy, { way = 'begun', age = 0, sender = {}, ...wanted }: Asked = {}): Rule {
  const packets = new Packets();
  const row = packets.take();
  const bytes = craft({ src: 0x0a630102, dst: 0xcb007109, proto: 6, ...wanted });
  packets.bytes.set(bytes, packets.start[row]!);
  packets.length[row] = bytes.length;
  for (const [name, value] of Object.entries(columnsOf(bytes)))
    (packets as unknown as Record<string, Uint32Array>)[name]![row] = value!;
  packets.flowState[row] = STATE[way];
  packets.age[row] = age;
  const facts = makeFacts();
  const known = { kind: 'closed', source: 0, depth: 1, contacted: true, toClone: false } as const;
  loadFacts(facts, packets, row, { ...known, ...sender, image: policy.imageNumber(sender.image) });
  return policy.rules[policy.find(facts, packets, row)] ?? DEFAULT_RULE;
}

/** The line of a rule. */
export const lineOf = ({ place }: Rule): number => Number(place.split(':').at(-1));

/** A policy from its text alone. */
export const policyOf = (text: string, files: Record<string, string> = {}): Policy =>
  new Policy(text, 'x.policy', (name) => {
    if (files[name] === undefined) throw new Error('no such file');
    return files[name];
  });

/** What lets out whatever a rule lets out. */
export const OPEN = 'ceiling {\n dst net 0.0.0.0/0\n tcp and dst port 25\n}\n';

/** A policy from its text, that may let out whatever a rule lets out. */
export const openPolicyOf = (text: string, files: Record<string, string> = {}): Policy =>
  policyOf(`${text}\n${OPEN}`, files);
