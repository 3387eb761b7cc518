import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { Lab } from '../../src/control/lab/lab.js';
import { ADDRESSES } from '../../src/control/lab/layout.js';
import type { AttackOrder } from '../../src/control/story/attack.js';
import type { CallResult } from '../../src/control/story/reports.js';
import { thread } from '../../src/control/thread.js';
import { ImageStore } from '../../src/farm/image/store.js';
import { formatAddress } from '../../src/packet/address.js';
import type { Cleanup } from '../cleanup.js';
import type { Bench } from '../suite.js';
import { Gateway } from './gateway.js';
import { AGENT } from './images.js';
import { darkAddress, PORT } from './probe.js';
import { gatewayProcesses, processorTime, rollup } from './processes.js';

/** Machines that stand by beside the clones that live. They are counted too. */
const STANDBY = 2;
const FARM = `STANDBY ${STANDBY}, STANDBY_MOST ${STANDBY}`;
const DEFINES = { IDLE: '1h', KEEP: '1h' };
/** GB, at most. */
const MEMORY = 3.5;
/** Calls at once, and the milliseconds that each may take. */
const WIDTH = 4;
const PATIENCE = 20_000;
/** Seconds: for the clones to come to rest, and in which their processor time is measured. */
const REST = 5;
const IDLE = 10;

/** Asks the web servers at all addresses for a page, a few at a time. @throws {Error} if one gives none */
async function browse(namespace: string, targets: readonly string[], progress: (done: number) => void): Promise<void> {
  for (let done = 0; done < targets.length; done += WIDTH) {
    const calls = targets.slice(done, done + WIDTH).map((target) => ({
      ...{ source: ADDRESSES.attackers[0]!, target, port: PORT },
      say: 'GET / HTTP/1.0\r\n\r\n',
    }));
    const order: AttackOrder = { namespace, calls, patience: PATIENCE, listen: PATIENCE };
    const attack = new URL('../../src/control/story/attack.js', import.meta.url);
    for await (const { call, outcome, heard } of thread<CallResult>(attack, order)) {
      if (!heard.startsWith('HTTP/')) throw new Error(`${call.target} gave no page: it was ${outcome}`);
    }
    progress(done);
  }
}

/** Bytes of memory that the machine has for programs that start now. */
const available = () => Number(/^MemAvailable: +(\d+)/m.exec(readFileSync('/proc/meminfo', 'latin1'))![1]) * 1024;

/** Many clones that live at once, each of which is a web server that answers. */
export async function hundred(bench: Bench, state: string, cleanup: Cleanup): Promise<void> {
  const name = 'clones/hundred';
  if (!bench.wants(name)) return;
  const count = bench.quick ? 10 : 100;
  const { memory } = await new ImageStore(state).read(AGENT);
  const lab = new Lab({ name: `pb-${process.pid}`, state: join(state, 'lab') });
  const down = cleanup.add(() => lab.down());
  bench.progress(`${name}: making a lab`);
  await lab.up();
  const before = available();
  const gateway = await Gateway.start(
    { state, image: AGENT, farm: FARM, defines: DEFINES, netns: lab.namespaces.gateway },
    cleanup,
  );
  try {
    const targets = Array.from({ length: count }, (_, n) => formatAddress(darkAddress(n)));
    const ask = (round: string) =>
      browse(lab.namespaces.attacker, targets, (done) => bench.progress(`${name}: ${round}, ${done} of ${count}`));
    await ask('made');
    // Again, so that all of them answer while all of them live.
    await ask('asked again');
    const live = await gateway.metric('potemkin_clones', /state="(live|quiet)"/);
    if (live !== count) throw new Error(`${name}: ${live} clones live, not ${count}`);
    bench.progress(`${name}: at rest`);
    await setTimeout(REST * 1000);
    const { machines, all } = gatewayProcesses(gateway.pid);
    const spent = () => machines.reduce((sum, pid) => sum + processorTime(pid), 0);
    const start = spent();
    await setTimeout(IDLE * 1000);
    const busy = (spent() - start) / IDLE / 10;
    // The image's pages count once, and not by the parts of them that processes have mapped.
    const own = all.reduce((sum, pid) => sum + rollup(pid, 'Pss', 'SwapPss') - rollup(pid, 'Pss_Shmem'), 0);
    const gigabytes = (bytes: number) => bytes / 2 ** 30;
    bench.report({ name: `${name}/memory`, unit: 'GB', values: [gigabytes(own + memory.bytes)], goal: MEMORY });
    bench.report({ name: `${name}/available`, unit: 'GB less', values: [gigabytes(before - available())] });
    bench.report({ name: `${name}/cpu`, unit: '% of a processor', values: [busy] });
  } finally {
    await gateway.end();
    down();
  }
}
