import { spawn } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { Cleanup } from '../cleanup.js';
import { gatewayProcesses, processorTime } from './processes.js';

const top = (path: string) => fileURLToPath(new URL(`../../../${path}`, import.meta.url));
const GRAPH = top('config/farm.click');
const POTEMKIN = top('bin/potemkin');

/** Milliseconds: for a gateway to start and to end; and between two looks whether machines stand still. */
const PATIENCE = 60_000;
const LOOK = 200;
/** Milliseconds of processor time that machines which stand still may take between two looks. */
const STILL = 1;
/** Characters kept of what it says. */
const SAID = 4096;

export interface GatewayOptions {
  /** The network namespace of its data plane. */
  readonly netns: string;
  readonly state: string;
  /** The image that plays all addresses. */
  readonly image: string;
  /** Words for the CloneFarm of config/farm.click beside its own. */
  readonly farm?: string;
  /** Further definitions of the graph. */
  readonly defines?: Readonly<Record<string, string>>;
}

/** Writes the graph and the map for a gateway into its folder of state. */
function configure({ state, image, farm, defines: more = {} }: GatewayOptions): string[] {
  const map = join(state, `${image}.map`);
  writeFileSync(map, `0.0.0.0/0 ${image}\n`);
  const defines = ['-D', `MAP=${map}`, '-D', `POLICY=${top('config/policies/reflect.policy')}`, '-D', 'TARGETS=0'];
  for (const [name, value] of Object.entries(more)) defines.push('-D', `${name}=${value}`);
  if (farm === undefined) return [GRAPH, ...defines];
  const own = join(state, 'bench.click');
  writeFileSync(own, readFileSync(GRAPH, 'utf8').replace(/CloneFarm\((.*)\)/, `CloneFarm($1, ${farm})`));
  return [own, ...defines];
}

/** `potemkin run` as a user runs it. */
export class Gateway {
  readonly pid: number;
  private readonly metrics: string;
  private readonly stop: () => Promise<void>;

  private constructor(pid: number, metrics: string, stop: () => Promise<void>) {
    this.pid = pid;
    this.metrics = metrics;
    this.stop = stop;
  }

  /** Starts one and waits until it runs. @throws {Error} with what it said, if it does not */
  static async start(options: GatewayOptions, cleanup: Cleanup): Promise<Gateway> {
    const place = ['--netns', options.netns, '--state', options.state, '--listen', '127.0.0.1:0', '--events', 'json'];
    const child = spawn(POTEMKIN, ['run', ...configure(options), ...place], { stdio: ['ignore', 'ignore', 'pipe'] });
    // Its launcher ends the machines when it is gone.
    const kill = cleanup.add(() => void child.kill('SIGKILL'));
    const ended = new Promise<void>((resolve) => child.on('close', () => resolve()));
    const stop = async () => {
      child.kill('SIGTERM');
      await Promise.race([ended, setTimeout(PATIENCE, undefined, { ref: false })]);
      kill();
      await ended;
    };
    let said = '';
    const metrics = await new Promise<string | undefined>((resolve) => {
      child.stderr.setEncoding('utf8').on('data', (piece: string) => {
        said = (said + piece).slice(-SAID);
        const url = /metrics at (http:[^\s"]+)/.exec(said)?.[1];
        if (url !== undefined) resolve(url);
      });
      child.on('error', ({ message }) => {
        said += message;
        resolve(undefined);
      });
      void Promise.race([ended, setTimeout(PATIENCE, undefined, { ref: false })]).then(() => resolve(undefined));
    });
    if (metrics === undefined || child.pid === undefined) {
      await stop();
      throw new Error(`the gateway does not run: ${said.trim()}`);
    }
    return new Gateway(child.pid, metrics, stop);
  }

  /** Where its control plane is. */
  get url(): string {
    return new URL('/', this.metrics).href;
  }

  /** The sum of a metric's samples whose labels match. */
  async metric(name: string, labels = /./): Promise<number> {
    const text = await (await fetch(this.metrics)).text();
    const samples = text.split('\n').filter((line) => line.startsWith(`${name}{`) && labels.test(line));
    return samples.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' '))), 0);
  }

  /** Waits until there are so many machines, all of which stand still. */
  async settled(count: number): Promise<void> {
    const deadline = performance.now() + PATIENCE;
    for (let before = -1; ; ) {
      const { machines } = gatewayProcesses(this.pid);
      const now = machines.reduce((sum, pid) => sum + processorTime(pid), 0);
      if (machines.length === count && before >= 0 && now - before < STILL) return;
      if (performance.now() > deadline)
        throw new Error(
          `after ${PATIENCE / 1000} s the gateway has ${machines.length} machines, not ${count} that stand by`,
        );
      before = machines.length === count ? now : -1;
      await setTimeout(LOOK);
    }
  }

  /** Ends it and waits until it is gone. */
  end(): Promise<void> {
    return this.stop();
  }
}
