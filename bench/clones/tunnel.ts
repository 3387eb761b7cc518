import { thread } from '../../src/control/thread.js';
import { Pair } from '../../test/e2e/netns.js';
import type { Cleanup } from '../cleanup.js';
import type { Bench } from '../suite.js';
import type { Called, CallerOrder } from './caller.js';
import { Gateway, type GatewayOptions } from './gateway.js';
import { AGENT, TRANSLATED } from './images.js';
import { percentile } from './percentile.js';

/** At most, in ms. */
const GOALS = { [AGENT]: { p50: 15, p99: 30 }, [TRANSLATED]: { p50: 5, p99: 15 } } as const;
/** Machines that stand by in config/farm.click. */
const STANDBY = 8;
/** Milliseconds between two calls, in which a machine is made in the place of the one that was taken; and for an answer. */
const PAUSE = 700;
const PATIENCE = 5000;

/** Runs a gateway whose tunnel leads to a thread of ours. */
export async function withTunnel(
  options: Omit<GatewayOptions, 'netns'>,
  cleanup: Cleanup,
  work: (
    gateway: Gateway,
    call: (order: Omit<CallerOrder, 'namespace' | 'interface'>) => AsyncGenerator<Called>,
  ) => Promise<void>,
): Promise<void> {
  const pair = new Pair();
  const remove = cleanup.add(() => pair.remove());
  const gateway = await Gateway.start({ ...options, netns: pair.right }, cleanup);
  try {
    await work(gateway, (order) =>
      thread<Called>(new URL('./caller.js', import.meta.url), {
        ...{ ...order, namespace: pair.left, interface: pair.name },
      } satisfies CallerOrder),
    );
  } finally {
    await gateway.end();
    remove();
  }
}

/** From a packet into the tunnel to the first one out of it, when machines stand by. */
export async function firstReplies(bench: Bench, state: string, cleanup: Cleanup): Promise<void> {
  const count = bench.quick ? 10 : 150;
  for (const [mode, image] of [
    ['agent', AGENT],
    ['translated', TRANSLATED],
  ] as const) {
    const name = `clones/tunnel/${mode}`;
    if (!bench.wants(name)) continue;
    const times: number[] = [];
    let lost = 0;
    bench.progress(`${name}: starting a gateway`);
    await withTunnel({ state, image }, cleanup, async (gateway, call) => {
      await gateway.settled(STANDBY);
      for await (const { ms } of call({ first: 0, count, pause: PAUSE, patience: PATIENCE })) {
        if (ms === undefined) lost++;
        else times.push(ms);
        bench.progress(`${name}: ${times.length} of ${count}`);
      }
    });
    if (lost > 0) throw new Error(`${name}: ${lost} of ${count} packets had no answer in ${PATIENCE / 1000} s`);
    bench.report({ name: `${name}/reply`, unit: 'ms', values: times, goal: GOALS[image].p50 });
    bench.report({ name: `${name}/reply-p99`, unit: 'ms', values: [percentile(times, 99)], goal: GOALS[image].p99 });
  }
}
