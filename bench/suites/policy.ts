import { Exit } from '../../src/farm/policy/exit.js';
import { OTHER_IMAGE } from '../../src/farm/policy/facts.js';
import { Judge, PolicyNumbers } from '../../src/farm/policy/judge.js';
import { Policy, readPolicy } from '../../src/farm/policy/policy.js';
import { Rewrites } from '../../src/farm/policy/rewrites.js';
import { Batch } from '../../src/packet/batch.js';
import { BATCH } from '../../src/packet/columns.js';
import { FLOW } from '../../src/packet/flow.js';
import { Packets } from '../../src/packet/packets.js';
import { VERDICT } from '../../src/packet/verdict.js';
import { type Bench, batchTime, interleave, type Suite } from '../suite.js';

const BATCHES = 1000;
const RULES = 1000;
const DESTINATIONS = 1 << 18;
/** ns at most: for a packet of a decided flow, and for a new flow. */
const DECIDED = 100;
const NEW = 2000;

/** Rules that look at addresses, ports and more; each flow of the bench is decided by one of them, or the last. */
function thousand(last: string): string {
  const match = (i: number) => {
    const net = `198.${i & 255}.${(i * 7) & 255}.0/24`;
    return [
      `dst net ${net}`,
      `tcp and dst port ${i + 1000}`,
      `begun and udp and dst port ${i} and src net ${net}`,
      `dst net ${net} and depth > 3`,
    ][i % 4]!;
  };
  const rules = Array.from({ length: RULES - 2 }, (_, i) => `${match(i)} -> drop`);
  return ['ceiling { dst net 0.0.0.0/0 }', 'tcp and dst port 25 -> drop', ...rules, `all -> ${last}`].join('\n');
}

interface Case {
  readonly name: string;
  readonly goal: number;
  /** Whether flows are decided again and again. */
  readonly fresh: boolean;
  readonly policy: Policy;
  readonly flowState: number;
}

const REPLY = FLOW.known | FLOW.fromOutside | FLOW.reply;
const metered = 'forward limit flows 1G/day, packets 1G/day, bytes 1000G/day per clone then drop';

function cases(): Case[] {
  const plain = new Policy(thousand('reflect'), 'bench.policy');
  const quotas = new Policy(thousand(metered), 'bench.policy');
  const shipped = (name: string) => readPolicy(`config/policies/${name}.policy`);
  const [reflect, honeywall] = [shipped('reflect'), shipped('honeywall')];
  return [
    { name: 'decided', goal: DECIDED, fresh: false, policy: plain, flowState: 0 },
    { name: 'decided-metered', goal: DECIDED, fresh: false, policy: quotas, flowState: 0 },
    { name: 'decided-reply', goal: DECIDED, fresh: false, policy: reflect, flowState: REPLY },
    { name: 'new-1000', goal: NEW, fresh: true, policy: plain, flowState: 0 },
    { name: 'new-1000-metered', goal: NEW, fresh: true, policy: quotas, flowState: 0 },
    { name: 'new-honeywall', goal: NEW, fresh: true, policy: honeywall, flowState: 0 },
    { name: 'new-reply', goal: NEW, fresh: true, policy: reflect, flowState: REPLY },
  ];
}

/** What ExportPolicy asks of the judge for a batch: ns a packet. */
function measure({ policy, flowState, fresh }: Case): number {
  const packets = new Packets();
  const [batch, leaving] = [new Batch(), new Batch()];
  const seed = new Uint8Array(16);
  const exit = new Exit(packets, policy.ceiling);
  const judge = new Judge(policy, {
    rewrites: new Rewrites(),
    packets,
    exit,
    seed,
    numbers: new PolicyNumbers(),
    decisions: 4096,
    destinations: DESTINATIONS,
  });
  const sender = { kind: 'closed', source: 1, depth: 1, contacted: true, image: OTHER_IMAGE, toClone: false } as const;
  const owner = { state: 'live' };
  let now = 1_000_000;
  let flow = 0;
  const write = () => {
    for (let i = 0; i < batch.count; i++) {
      const row = batch.rows[i]!;
      flow = (flow + 1) % 100_000;
      packets.src[row] = 0x0a630000 + (flow & 0xffff);
      packets.dst[row] = 0xc6000000 + ((Math.imul(flow, 2_654_435_761) >>> 8) & 0x3ffff);
      packets.sport[row] = 1024 + (flow & 0x3fff);
      packets.dport[row] = flow % 5000;
      packets.proto[row] = flow % 3 === 0 ? 17 : 6;
      packets.clone[row] = 1 + (flow % 2000);
      packets.universe[row] = 1 + (flow % 500);
      packets.flow[row] = flow + 1;
      packets.flowState[row] = flowState;
      packets.length[row] = 60;
      packets.payload[row] = packets.proto[row] === 6 ? 40 : 28;
      packets.verdict[row] = packets.decision[row] = 0;
    }
  };
  const work = () => {
    judge.prepare(batch, now);
    for (let i = 0; i < batch.count; i++) {
      const row = batch.rows[i]!;
      if (judge.isDecided(row)) judge.meter(row, now);
      else judge.decide(row, sender, now, owner);
      if (packets.verdict[row] === VERDICT.forward) leaving.add(row);
    }
    exit.look(leaving);
    leaving.clear();
  };
  for (let i = 0; i < BATCH; i++) batch.add(packets.take());
  const prepare = () => {
    now += 0.001;
    judge.settle();
    if (!fresh && packets.verdict[0] !== 0) return;
    write();
    if (fresh) return;
    work();
    judge.settle();
  };
  return batchTime(BATCHES, work, prepare);
}

async function run(bench: Bench): Promise<void> {
  const wanted = cases()
    .map((each) => ({ ...each, name: `policy/${each.name}` }))
    .filter(({ name }) => bench.wants(name));
  const found = await interleave(
    bench,
    wanted.map((each) => ({ name: each.name, run: () => new Map([[each.name, measure(each)]]) })),
  );
  for (const [i, { name, goal }] of wanted.entries())
    bench.report({ name, unit: 'ns/packet', values: found[i]!.get(name)!, goal });
}

export const policy: Suite = {
  name: 'policy',
  summary: 'export policy: decided flows, and new ones with 1,000 rules',
  run,
};
