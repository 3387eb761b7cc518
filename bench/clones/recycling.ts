import { setTimeout } from 'node:timers/promises';
import type { Cleanup } from '../cleanup.js';
import type { Bench } from '../suite.js';
import type { Gateway } from './gateway.js';
import { AGENT } from './images.js';
import { gatewayProcesses, openFiles, rollup } from './processes.js';
import { withTunnel } from './tunnel.js';

/** Machines that stand by, always as many, so that they can be told from what is left behind. */
const STANDBY = 4;
const FARM = `STANDBY ${STANDBY}, STANDBY_MOST ${STANDBY}, REFILL 1000`;
const DEFINES = { IDLE: '1s' };
const PATIENCE = 10_000;
/** Milliseconds between two looks whether all clones are gone, and how long that may take. */
const LOOK = 200;
const GONE = 30_000;

/** MB of the growth of the two processes' memory: what a heap's breathing may be. */
const MEMORY = { daemon: 10, launcher: 1 } as const;

/** What is there when all clones are gone. */
async function rest(gateway: Gateway) {
  for (
    let waited = 0;
    (await gateway.metric('potemkin_clones', /state="(binding|live|quiet|captured)"/)) > 0;
    waited += LOOK
  ) {
    if (waited > GONE) throw new Error('clones are not recycled');
    await setTimeout(LOOK);
  }
  await gateway.settled(STANDBY);
  const { launchers, all } = gatewayProcesses(gateway.pid);
  const memory = (pids: readonly number[]) => pids.reduce((sum, pid) => sum + rollup(pid, 'Rss'), 0) / 2 ** 20;
  const files = [gateway.pid, ...launchers].reduce((sum, pid) => sum + openFiles(pid), 0);
  return {
    files,
    processes: all.length,
    daemon: memory([gateway.pid]),
    launcher: memory(launchers),
  };
}

/** Makes and recycles clones one after the other, and looks what of them is left. */
export async function recycling(bench: Bench, state: string, cleanup: Cleanup): Promise<void> {
  const name = 'clones/recycle';
  if (!bench.wants(name)) return;
  const [few, many] = bench.quick ? [10, 30] : [100, 1000];
  let done = 0;
  await withTunnel({ state, image: AGENT, farm: FARM, defines: DEFINES }, cleanup, async (gateway, call) => {
    await gateway.settled(STANDBY);
    const until = async (count: number) => {
      for await (const { ms } of call({ first: done, count: count - done, pause: 0, patience: PATIENCE })) {
        if (ms === undefined) throw new Error(`clone ${done + 1} did not answer in ${PATIENCE / 1000} s`);
        done++;
        bench.progress(`${name}: ${done} of ${many}`);
      }
      return rest(gateway);
    };
    const before = await until(few);
    const after = await until(many);
    const report = (what: keyof typeof before, unit: string, goal: number) =>
      bench.report({ name: `${name}/${what}`, unit, values: [after[what] - before[what]], goal });
    report('files', 'more', 0);
    report('processes', 'more', 0);
    report('daemon', 'MB more', MEMORY.daemon);
    report('launcher', 'MB more', MEMORY.launcher);
  });
}
