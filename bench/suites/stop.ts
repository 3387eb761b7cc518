import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { noNamespaces, Pair } from '../../test/e2e/netns.js';
import { Cleanup } from '../cleanup.js';
import { Gateway } from '../clones/gateway.js';
import type { CallerOrder, Heard } from '../stop/caller.js';
import type { Bench, Suite } from '../suite.js';

const POTEMKIN = fileURLToPath(new URL('../../../bin/potemkin', import.meta.url));

/** Clones that answer, and how often each does in a second: 5,000 packets a second in all. */
const CALLERS = 50;
const RATE = 100;
/** Milliseconds: in which an answer that comes after a stop would be seen, and for answers to come. */
const AFTER = 300;
const PATIENCE = 30_000;
/** ms */
const GOAL = 10;

/** The time as the kernel stamps packets with, in ms since the epoch; what Node.js has as its origin may be off by now. */
function kernelTime(): number {
  const before = Date.now();
  let now = before;
  while (now === before) now = Date.now();
  return now;
}

/** Asks by a connection of its own, as somebody who comes anew does. */
function post(url: string, path: string, headers: Record<string, string> = {}): Promise<number> {
  return new Promise((resolve, reject) => {
    request(new URL(path, url), { method: 'POST', agent: false, headers }, (response) => {
      response.resume().on('end', () => resolve(response.statusCode ?? 0));
    })
      .on('error', reject)
      .end();
  });
}

/** Clones that answer without end, through a gateway. */
class Traffic {
  readonly gateway: Gateway;
  private readonly caller: Worker;
  private readonly state: string;

  constructor(gateway: Gateway, caller: Worker, state: string) {
    this.gateway = gateway;
    this.caller = caller;
    this.state = state;
  }

  heard(): Promise<Heard> {
    return new Promise((resolve) => {
      this.caller.once('message', resolve);
      this.caller.postMessage('');
    });
  }

  /** Waits until all clones answer, and often. */
  async flows(): Promise<void> {
    const deadline = performance.now() + PATIENCE;
    for (let { packets } = await this.heard(); ; ) {
      await setTimeout(AFTER);
      const { packets: more } = await this.heard();
      if (more - packets > (CALLERS * RATE * AFTER) / 1000 / 2) return;
      if (performance.now() > deadline) throw new Error(`${more - packets} answers in ${AFTER} ms are too few`);
      packets = more;
    }
  }

  /** Stops export. @returns ms from the first step to the last answer */
  async stop(pull: () => unknown): Promise<number> {
    await this.flows();
    const start = kernelTime();
    await pull();
    await setTimeout(AFTER);
    const { packets, last } = await this.heard();
    await setTimeout(AFTER);
    const after = await this.heard();
    if (after.packets !== packets) throw new Error(`${after.packets - packets} packets left after the stop`);
    const { key } = JSON.parse(readFileSync(join(this.state, 'export-stopped.json'), 'utf8')) as { key: string };
    const status = await post(this.gateway.url, '/allow-export?reason=bench', { authorization: `Bearer ${key}` });
    if (status !== 200) throw new Error(`export is not allowed again: ${status}`);
    // Nothing has left between the last answer before and the stop.
    return Math.max(0, last - start);
  }
}

async function withTraffic(cleanup: Cleanup, work: (traffic: Traffic) => Promise<void>): Promise<void> {
  const state = mkdtempSync(join(tmpdir(), 'potemkin-bench-'));
  const remove = cleanup.add(() => rmSync(state, { recursive: true, force: true }));
  const pair = new Pair();
  const disconnect = cleanup.add(() => pair.remove());
  const options = { netns: pair.right, state, image: 'linux', defines: { BACKEND: 'simulated' } };
  const gateway = await Gateway.start(options, cleanup);
  const caller = new Worker(new URL('../stop/caller.js', import.meta.url), {
    workerData: {
      ...{ namespace: pair.left, interface: pair.name },
      callers: CALLERS,
      rate: RATE,
    } satisfies CallerOrder,
  });
  try {
    await work(new Traffic(gateway, caller, state));
  } finally {
    await caller.terminate();
    await gateway.end();
    disconnect();
    remove();
  }
}

function report(bench: Bench, name: string, values: readonly number[], goal?: number): void {
  const bound = goal === undefined ? {} : { goal };
  bench.report({ name, unit: 'ms', values, ...bound });
  if (values.length > 1) bench.report({ name: `${name}-max`, unit: 'ms', values: [Math.max(...values)], ...bound });
}

async function run(bench: Bench): Promise<void> {
  const cleanup = new Cleanup();
  const times = bench.quick ? 10 : 50;
  try {
    const first: number[] = [];
    for (let start = 0; bench.wants('stop/http-first') && start < (bench.quick ? 3 : 7); start++) {
      bench.progress(`stop/http-first: ${start}`);
      await withTraffic(cleanup, async (traffic) => {
        first.push(await traffic.stop(() => post(traffic.gateway.url, '/stop-export')));
      });
    }
    if (first.length > 0) report(bench, 'stop/http-first', first, GOAL);

    const ways: Record<string, { times: number; goal?: number; pull: (gateway: Gateway) => unknown }> = {
      signal: { times, goal: GOAL, pull: ({ pid }) => process.kill(pid, 'SIGUSR1') },
      http: { times, goal: GOAL, pull: ({ url }) => post(url, '/stop-export') },
      cli: {
        times: bench.quick ? 3 : 10,
        pull: ({ url }) =>
          new Promise((resolve) => {
            spawn(POTEMKIN, ['stop-export', '--at', url], { stdio: 'ignore' }).on('close', resolve);
          }),
      },
    };
    const wanted = Object.entries(ways).filter(([way]) => bench.wants(`stop/${way}`));
    if (wanted.length === 0) return;
    await withTraffic(cleanup, async (traffic) => {
      for (const [way, { times, goal, pull }] of wanted) {
        const values: number[] = [];
        while (values.length < times) {
          bench.progress(`stop/${way}: ${values.length} of ${times}`);
          values.push(await traffic.stop(() => pull(traffic.gateway)));
        }
        report(bench, `stop/${way}`, values, goal);
      }
    });
  } finally {
    cleanup.run();
  }
}

export const stop: Suite = {
  name: 'stop',
  summary: 'from a stop of export to the last packet outside; as root',
  missing: () => noNamespaces || undefined,
  run,
};
