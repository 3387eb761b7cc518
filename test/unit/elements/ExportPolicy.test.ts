import t from 'tap';
import { ExportPolicy } from '../../../src/elements/ExportPolicy.js';
import { Images } from '../../../src/farm/images.js';
import { type CloneRecord, Universes } from '../../../src/farm/universes.js';
import { FLOW } from '../../../src/packet/flow.js';
import { PROTOCOL } from '../../../src/packet/protocol.js';
import { VERDICT } from '../../../src/packet/verdict.js';
import { rig } from '../rig.js';

const rules = `
reply -> forward
tcp and dst port 25 -> drop
tcp and dst port 53 -> redirect dns
tcp and dst port 80 -> forward
tcp -> reflect
`;

function bench(t: { testdir(files: Record<string, string>): string }) {
  const folder = t.testdir({ 'x.policy': rules });
  const made = rig(ExportPolicy, 'POLICY x.policy', { folder });
  const universe = made.engine.services.shared(Universes).create(1, 2);
  const clone = { universe, opened: 0 } as CloneRecord;
  universe.clones.set(10, clone);
  return {
    ...made,
    clone,
    images: made.engine.services.shared(Images),
    send(columns: Record<string, number>): Record<string, unknown> & { output: string | undefined } {
      const packet = { universe: universe.id, src: 10, dst: 99, proto: PROTOCOL.tcp, dport: 445, ipHeader: 20 };
      made.put(Buffer.alloc(40), { ...packet, ...columns });
      const out = made.run();
      const output = Object.keys(out).find((name) => out[name]!.length > 0);
      return { ...out[output ?? '']?.[0], output };
    },
  };
}

t.test('a new flow is decided, the verdict is written down, and people are told', async (t) => {
  const policy = bench(t);
  t.match(policy.send({}), { output: 'reflect', verdict: VERDICT.reflect });
  t.match(policy.send({ dport: 25 }), { output: 'drop', verdict: VERDICT.drop });
  t.match(policy.send({ proto: PROTOCOL.udp }), { output: 'drop' }, 'no rule says anything');
  const { image, output } = policy.send({ dport: 53 });
  t.equal(output, 'redirect');
  t.equal(policy.images.name((image as number) - 1), 'dns');
  t.equal(policy.clone.opened, 4, 'four flows of its own');
  const [event] = policy.events.filter(({ kind }) => kind === 'verdict');
  t.match(event, { verdict: 'reflect', port: 445, source: 10, target: 99, rule: /x\.policy:6$/ });
  t.match(policy.element.handlers().rules.read(), /x\.policy:3\tdrop\t1/);
});

t.test('an answer to the outside leaves, and is nothing the clone did by itself', async (t) => {
  const policy = bench(t);
  t.match(policy.send({ flowState: FLOW.known | FLOW.reply | FLOW.fromOutside }), { output: 'forward' });
  t.equal(policy.clone.opened, 0);
  t.equal(policy.events.filter(({ kind }) => kind === 'verdict').length, 0);
});

t.test('a decided flow keeps its verdict', async (t) => {
  t.match(bench(t).send({ verdict: VERDICT.reflect, dport: 25, flowState: FLOW.known }), { output: 'reflect' });
});

t.test('what may not leave does not', async (t) => {
  const policy = bench(t);
  t.equal(policy.send({ dport: 80, flowState: FLOW.collides }).output, undefined);
  t.equal(policy.element.drops.collision.rows, 1);
  t.equal(policy.send({ dport: 80, universe: 4711 }).output, undefined);
  t.equal(policy.element.drops.universe.rows, 1);
  t.equal(policy.send({ verdict: 77 }).output, 'drop', 'a verdict that is none');
});
