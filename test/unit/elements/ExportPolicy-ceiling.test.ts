/** What does not leave whatever a rule says. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { ExportPolicy } from '../../../src/elements/ExportPolicy.js';
import { DEFAULT_CEILING } from '../../../src/farm/policy/ceiling.js';
import type { Exit } from '../../../src/farm/policy/exit.js';
import { type CloneRecord, Universes } from '../../../src/farm/universes.js';
import { FLOW } from '../../../src/packet/flow.js';
import { PROTOCOL } from '../../../src/packet/protocol.js';
import { VERDICT } from '../../../src/packet/verdict.js';
import { columnsOf, craft, type Wanted } from '../craft.js';
import { type Columns, rig } from '../rig.js';

const CLONE = 0x0a630102;
const PEER = 0xcb007109;
const REPLY = { flowState: FLOW.known | FLOW.reply | FLOW.fromOutside };
const ANSWER = { flowState: FLOW.known | FLOW.reply };
const OWN = { flowState: FLOW.known };
const ERROR = { proto: PROTOCOL.icmp, icmp: [3, 3] as const };

function bench(t: Test, text: string, config = '') {
  const folder = t.testdir({ 'x.policy': text });
  const made = rig(ExportPolicy, `POLICY x.policy${config}`, { folder });
  const { engine, element } = made;
  const universe = engine.services.shared(Universes).create(1, 2);
  universe.clones.set(CLONE, {
    id: 1,
    universe,
    address: CLONE,
    opened: 0,
    state: 'live',
    image: 0,
  } as unknown as CloneRecord);
  return {
    ...made,
    /** Sends packets in one turn. @returns the output of each, or why it was dropped, and the columns of the last */
    send(...packets: readonly (readonly [Wanted, Columns?])[]) {
      const dropped = () => Object.entries(element.drops).map(([name, drop]) => [name, drop.rows] as const);
      const before = new Map(dropped());
      for (const [wanted, columns] of packets) {
        const bytes = craft({ src: CLONE, dst: PEER, proto: PROTOCOL.tcp, dport: 80, ...wanted });
        made.put(bytes, { ...columnsOf(bytes), universe: universe.id, clone: 1, length: bytes.length, ...columns });
      }
      const out = made.run();
      const ends = Object.entries(out).flatMap(([name, rows]) => rows.map(() => name));
      const drops = dropped().flatMap(([name, rows]) => Array.from({ length: rows - before.get(name)! }, () => name));
      const [row] = Object.values(out).flat();
      return { ends: [...ends, ...drops], verdict: row?.verdict as number, decision: row?.decision as number };
    },
    reload(text: string) {
      writeFileSync(join(folder, 'x.policy'), text);
      element.handlers().policy.write('reload');
    },
  };
}

t.test('what the ceiling does not allow does not leave, whatever decided so, and then nothing does', async (t) => {
  const policy = bench(t, 'ceiling { reply; tcp and dst port 80 }\nreply -> forward\ntcp and dst port 80 -> forward\n');
  t.same(policy.send([{}]).ends, ['forward']);
  const { exit } = (policy.element as unknown as { departure: { exit: Exit } }).departure;
  exit.install(DEFAULT_CEILING);
  t.same(policy.send([{}, REPLY]).ends, ['forward']);
  t.same(policy.send([{}]).ends, ['ceiling']);
  exit.install({ boxes: [], mail: false, entries: [], place: '' });
  t.same(policy.send([{}], [{}, REPLY]).ends, ['ceiling', 'ceiling']);
  t.equal(policy.element.metrics.ceiling_breaches.value, 3);
  t.ok(policy.engine.services.killSwitch.stopped, 'export is stopped');
});

t.test('a packet is held against the ceiling by itself, not by what its flow was decided for', async (t) => {
  const policy = bench(
    t,
    'ceiling { tcp and dst port 80 and dst net 203.0.113.0/24 }\ntcp dst port 80 and dst net 203.0.113.0/24 -> forward\n',
  );
  const { verdict, decision } = policy.send([{}]);
  const same = { ...OWN, verdict, decision };
  t.same(policy.send([{}, same]).ends, ['forward']);
  t.same(policy.send([{ fragment: 3 }, same]).ends, ['forward'], 'a later fragment goes where its first one went');
  t.same(policy.send([{ dport: 81 }, same]).ends, ['ceiling']);
  for (const wrong of [{ dst: PEER + 256 }, { proto: PROTOCOL.udp }, { fragment: 3, dst: 1 }]) {
    const again = bench(
      t,
      'ceiling { tcp and dst port 80 and dst net 203.0.113.0/24 }\ntcp dst port 80 and dst net 203.0.113.0/24 -> forward\n',
    );
    const first = again.send([{}]);
    const held = { ...OWN, verdict: first.verdict, decision: first.decision };
    t.same(again.send([wrong, held]).ends, ['ceiling'], JSON.stringify(wrong));
  }
});

t.test('an ICMP error decides nothing about its flow, and does not leave by its verdict', async (t) => {
  const policy = bench(
    t,
    'ceiling { reply; udp }\nreply and icmp -> forward\nudp and dst port 53 -> forward\nudp -> reflect\n',
  );
  const flow = { flow: 7 };
  const error = { flowState: REPLY.flowState | FLOW.error, ...flow };
  const both = policy.send(
    [ERROR, error],
    [
      { proto: PROTOCOL.udp, dport: 9 },
      { ...REPLY, ...flow },
    ],
  );
  t.same(both.ends, ['forward', 'reflect'], 'the flow is decided by its own packet');
  const open = policy.send([{ proto: PROTOCOL.udp, dport: 53 }]);
  t.same(open.ends, ['forward']);
  const own = { flowState: FLOW.known | FLOW.error, verdict: open.verdict, decision: open.decision };
  t.same(policy.send([ERROR, own]).ends, ['drop'], 'no rule lets this out');
  t.notOk(policy.engine.services.killSwitch.stopped);
});

t.test('what answers another clone does not leave, nor decides about the flow', async (t) => {
  const policy = bench(t, 'ceiling { tcp }\ntcp and dst port 25 -> reflect\ntcp -> forward\n');
  const flow = { flow: 7 };
  t.same(
    policy.send(
      [
        { sport: 25, dport: 1024 },
        { ...ANSWER, ...flow },
      ],
      [{ dport: 25 }, { ...OWN, ...flow }],
    ).ends,
    ['reflect', 'answer'],
  );
});

t.test('a later fragment decides nothing', async (t) => {
  const policy = bench(t, 'ceiling { tcp }\ntcp and dst port 25 -> drop\ntcp -> forward\n');
  t.same(policy.send([{ fragment: 3 }, { ...OWN, flow: 7 }]).ends, ['fragment']);
  t.same(policy.send([{ fragment: 0x2000 }, { flow: 8 }], [{ fragment: 3 }, { flow: 8 }]).ends, ['forward', 'forward']);
});

t.test('nothing goes to TCP port 25, unless the ceiling and the graph say so', async (t) => {
  const text = 'ceiling {\n reply\n tcp and dst port 25\n}\nreply -> forward\n';
  const mail = [{ dport: 25 }] as const;
  const answer = [{ dport: 25, sport: 80 }, REPLY] as const;
  t.same(bench(t, 'reply -> forward').send(answer).ends, ['drop']);
  const denied = bench(t, text);
  t.same(denied.send(answer).ends, ['drop']);
  t.same(denied.send([{ sport: 25, dport: 1024 }, REPLY]).ends, ['forward'], 'a mail server of a clone answers');
  t.notOk(denied.engine.services.killSwitch.stopped, 'nobody can stop export so');
  t.throws(() => bench(t, `${text}tcp and dst port 25 -> forward\n`), {
    message: /mail may not leave, since MAIL is not 'allow':\n.*x\.policy:6:1: .*8\.8\.8\.8:25/s,
  });
  const allowed = bench(t, `${text}tcp and dst port 25 -> forward\n`, ', MAIL allow');
  t.same(allowed.send(mail).ends, ['forward']);
  t.same(allowed.send(answer).ends, ['forward']);
});

t.test('a policy that is read again may lower the ceiling of the start, and not raise it', async (t) => {
  const rule = 'tcp and dst port 80 -> forward\n';
  const policy = bench(t, `ceiling { reply; tcp }\n${rule}`);
  const { verdict, decision } = policy.send([{}]);
  policy.reload('ceiling { reply }\nall -> drop\n');
  t.same(policy.send([{}, { ...OWN, verdict, decision }]).ends, ['drop'], 'an open flow too');
  t.throws(() => policy.reload(`ceiling { reply; tcp; udp }\n${rule}`), {
    message:
      /x\.policy:1\) allows more than that of the start \(.*x\.policy:1\), such as udp .*; to raise a ceiling, start anew/,
  });
  t.equal(policy.element.metrics.policies_refused.value, 1);
  t.same(policy.send([{}]).ends, ['drop'], 'nothing has changed');
  policy.reload(`ceiling { reply; tcp and dst port 80 }\n${rule}`);
  t.same(policy.send([{}]).ends, ['forward'], 'up to that of the start');
  t.equal(policy.send([{}]).verdict, VERDICT.forward);
});
