import { setTimeout } from 'node:timers/promises';
import type { Machine } from '../../src/farm/qemu/machine.js';
import type { Bench } from '../suite.js';
import { Farm } from './farm.js';
import { AGENT } from './images.js';
import { childrenTime, gatewayProcesses, processorTime } from './processes.js';

const STANDBY = { least: 4, most: 4, builders: 2, rate: 1000 } as const;
/** Clones that are ended together to see what that costs, and the milliseconds between two looks whether they are gone. */
const ENDED = STANDBY.least;
const LOOK = 20;

/** The least that is made in a second, and what a clone may cost then with two processors, in ms of their time. */
const FLOOR = 15;
const COST = 133;

/** Processor time (ms) of a machine's process when it had come so far. */
interface Account {
  launched: number;
  started: number;
  restored: number;
  rehearsed: number;
}

/** What each step has cost (ms) until now, of which docs/performance.md tells. */
const costOf = ({ launched, started, restored, rehearsed }: Account, now: number) => ({
  launch: launched,
  start: started - launched,
  restore: restored - started,
  rehearse: rehearsed - restored,
  bind: now - rehearsed,
});
type Cost = ReturnType<typeof costOf>;

/** A farm whose machines are accounted for while they are made. */
async function openFarm(state: string): Promise<{ farm: Farm; accounts: Map<Machine, Account> }> {
  const accounts = new Map<Machine, Account>();
  const note = (machine: Machine, step: keyof Account) => {
    const account = accounts.get(machine) ?? { launched: 0, started: 0, restored: 0, rehearsed: 0 };
    account[step] = processorTime(machine.pid);
    accounts.set(machine, account);
  };
  const farm = await Farm.open({
    ...{ state, image: AGENT, standby: STANDBY },
    trace: (step, machine) => {
      if (step === 'launched') {
        note(machine, step);
        // It answers when it has started, and does what it is told after that.
        machine.qmp.execute('query-name').then(
          () => note(machine, 'started'),
          () => accounts.delete(machine),
        );
      } else if (step === 'restored' || step === 'rehearsed') note(machine, step);
    },
  });
  return { farm, accounts };
}

/** What it costs that a clone ends (ms): its processes give back their memory. */
async function endCost(farm: Farm): Promise<number> {
  await farm.standingBy(ENDED);
  const clones = [];
  while (clones.length < ENDED) clones.push(await farm.bind());
  const pids = clones.map(({ machine }) => machine.pid);
  const parent = gatewayProcesses(process.pid).launchers.at(-1)!;
  const before = pids.reduce((sum, pid) => sum + processorTime(pid), childrenTime(parent));
  for (const { id } of clones) farm.destroy(id);
  while (gatewayProcesses(process.pid).machines.some((pid) => pids.includes(pid))) await setTimeout(LOOK);
  return Math.max(0, (childrenTime(parent) - before) / ENDED);
}

/** Makes clones as fast as machines stand by, each until its first answer, and says what one costs. */
export async function creation(bench: Bench, state: string): Promise<void> {
  const name = 'clones/create';
  if (!bench.wants(name)) return;
  const seconds = bench.quick ? 5 : 30;
  const { farm, accounts } = await openFarm(state);
  const costs: Cost[] = [];
  const one = async () => {
    await farm.standingBy(1);
    const { id, origin, machine } = await farm.bind();
    const account = accounts.get(machine);
    accounts.delete(machine);
    if (origin === 'warm' && account) costs.push(costOf(account, processorTime(machine.pid)));
    farm.destroy(id);
  };
  try {
    // What was made before does not count.
    for (let i = 0; i < STANDBY.least * 2; i++) await one();
    costs.length = 0;
    const before = processorTime(process.pid);
    const start = performance.now();
    while (performance.now() - start < seconds * 1000) {
      bench.progress(`${name}: ${costs.length} clones`);
      await one();
    }
    const took = (performance.now() - start) / 1000;
    const gateway = (processorTime(process.pid) - before) / costs.length;
    bench.report({ name: `${name}/rate`, unit: 'clones/s', values: [costs.length / took], floor: FLOOR });
    bench.progress(`${name}: what their end costs`);
    const end = await endCost(farm);
    const steps = Object.keys(costs[0]!) as (keyof Cost)[];
    const machine = costs.map((cost) => steps.reduce((sum, step) => sum + cost[step], 0));
    const report = (step: string, values: readonly number[]) =>
      bench.report({ name: `${name}/cpu-${step}`, unit: 'ms', values });
    for (const step of steps)
      report(
        step,
        costs.map((cost) => cost[step]),
      );
    report('end', [end]);
    report('gateway', [gateway]);
    bench.report({ name: `${name}/cpu`, unit: 'ms', values: machine.map((ms) => ms + end + gateway), goal: COST });
  } finally {
    await farm.close();
  }
}
