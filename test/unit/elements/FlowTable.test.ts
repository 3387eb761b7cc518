import t from 'tap';
import { FlowTable } from '../../../src/elements/FlowTable.js';
import { FLOW } from '../../../src/packet/flow.js';
import { PROTOCOL } from '../../../src/packet/protocol.js';
import { VERDICT } from '../../../src/packet/verdict.js';
import { type Columns, rig } from '../rig.js';

const SYN = 2;
const ACK = 16;
const attacker = { src: 1, dst: 10, sport: 4000, dport: 80 };
const answer = { src: 10, dst: 1, sport: 80, dport: 4000 };
const taken = { clone: 3, universe: 7 };

function bench(config = '') {
  const made = rig(FlowTable, config);
  const settle = made.element.settle.bind(made.element);
  let graph: Columns = {};
  made.element.settle = () => {
    const { packets } = made.element;
    packets.clone[0] = graph.clone ?? 0;
    if (graph.universe !== undefined) packets.universe[0] = graph.universe;
    if (graph.verdict !== undefined) packets.verdict[0] = graph.verdict;
    if (graph.decision !== undefined) packets.decision[0] = graph.decision;
    settle();
  };
  return {
    ...made,
    /**
     * Sends one packet in, and says by which output it left and with which columns.
     * @param after what the rest of the graph writes into its columns before the turn ends
     */
    send(
      input: 'outside' | 'inside',
      columns: Columns,
      after: Columns = {},
    ): Record<string, unknown> & { output: string | undefined } {
      graph = after;
      made.put(Buffer.alloc(40), { proto: PROTOCOL.tcp, ipHeader: 20, payload: 40, ...columns }, input);
      const out = made.run();
      const output = Object.keys(out).find((each) => out[each]!.length > 0);
      return { ...out[output ?? '']?.[0], output };
    },
  };
}

t.test('a SYN may open a flow, and it is known once a clone took it', async (t) => {
  const flows = bench();
  t.equal(flows.send('outside', { ...attacker, tcpFlags: ACK }).output, 'stray', 'an ACK opens nothing');
  t.equal(flows.send('outside', { ...attacker, tcpFlags: SYN }).output, 'new');
  t.equal(flows.send('outside', { ...attacker, tcpFlags: SYN }).output, 'new', 'nobody took it, so it left nothing');
  t.equal(flows.send('outside', { ...attacker, tcpFlags: SYN }, taken).output, 'new');
  const next = flows.send('outside', { ...attacker, tcpFlags: ACK }, { clone: 3 });
  t.match(next, { output: 'known', universe: 7 });
  t.equal(flows.send('outside', { ...attacker, tcpFlags: ACK }).output, 'known');
  t.equal(
    flows.send('outside', { ...attacker, tcpFlags: ACK }).output,
    'stray',
    'its clone is gone, so it is forgotten',
  );
});

t.test('a clone’s answer belongs to the flow, in its own universe only', async (t) => {
  const flows = bench();
  flows.send('outside', { ...attacker, tcpFlags: SYN }, taken);
  const reply = flows.send(
    'inside',
    { ...answer, tcpFlags: SYN | ACK, universe: 7 },
    { clone: 3, verdict: VERDICT.forward },
  );
  t.equal(reply.output, 'inside');
  t.equal(reply.flowState, FLOW.known | FLOW.reply | FLOW.fromOutside);
  const other = flows.send('inside', { ...answer, tcpFlags: SYN | ACK, universe: 8 });
  t.equal(other.output, 'stray', 'the same answer from another universe belongs to nothing');
});

t.test('a verdict is remembered with the flow', async (t) => {
  const flows = bench();
  const out = { src: 10, dst: 99, sport: 1234, dport: 25, universe: 7 };
  t.equal(flows.send('inside', { ...out, tcpFlags: SYN }, { verdict: VERDICT.reflect }).output, 'inside');
  const next = flows.send('inside', { ...out, tcpFlags: ACK });
  t.equal(next.output, 'inside');
  t.equal(next.verdict, VERDICT.reflect);
  t.equal((next.flowState as number) & FLOW.known, FLOW.known);
});

t.test('which decision it was is remembered too, and the flow’s age', async (t) => {
  for (const verdict of [VERDICT.reflect, VERDICT.forward]) {
    const flows = bench();
    const out = { src: 10, dst: 99, sport: 1234, dport: 25, universe: 7 };
    const first = flows.send('inside', { ...out, tcpFlags: SYN }, { clone: 3, verdict, decision: 0xfedcba98 });
    t.same([first.decision, first.age], [0, 0]);
    flows.wait(40);
    const next = flows.send('inside', { ...out, tcpFlags: ACK }, { clone: 3, decision: 5 });
    t.same([next.decision, next.age], [0xfedcba98, 40], 'a forwarded flow has moved meanwhile');
    flows.wait(50);
    const last = flows.send('inside', { ...out, tcpFlags: ACK }, { clone: 3 });
    t.same([last.decision, last.age], [5, 90]);
  }
});

t.test('a flow from outside counts its age from its first packet', async (t) => {
  const flows = bench();
  flows.send('outside', { ...attacker, tcpFlags: SYN }, taken);
  flows.wait(20);
  const reply = { ...answer, tcpFlags: SYN | ACK, universe: 7 };
  t.match(flows.send('inside', reply, { clone: 3, verdict: VERDICT.forward, decision: 9 }), { age: 20, decision: 0 });
  t.match(flows.send('outside', { ...attacker, tcpFlags: ACK }, { clone: 3 }), { age: 20, decision: 9 });
});

t.test('quiet flows are forgotten after TIMEOUT', async (t) => {
  const flows = bench('TIMEOUT 100s, TRANSITORY 10s');
  await flows.engine.start();
  flows.send('outside', { ...attacker, tcpFlags: SYN }, taken);
  t.match(flows.element.handlers().flows.read(), /tcpOpening\t1/);
  flows.wait(12);
  t.equal(flows.send('outside', { ...attacker, tcpFlags: ACK }).output, 'stray');
});

t.test('a full table refuses and counts', async (t) => {
  const flows = bench('FLOWS 1');
  let refused = 0;
  for (let sport = 1; sport <= 50; sport++) {
    if (flows.send('outside', { ...attacker, sport, tcpFlags: SYN }, taken).output === undefined) refused++;
  }
  t.ok(refused > 0);
  t.equal(flows.element.drops.full.value, refused);
});
