/** A gateway as a user runs it: `potemkin run`, its data plane in a network namespace. */
import { spawn } from 'node:child_process';
import type { Test } from 'tap';
import { plainly } from './lab-rig.js';

/** Milliseconds that a start or an end may take. */
const PATIENCE = 60_000;

export interface Daemon {
  /** Packets that an element has dropped, by reason; reasons that never came are left out. */
  drops(element: string): Promise<Record<string, number>>;
  /** The sum of all samples of a metric whose labels match. */
  metric(name: string, labels?: RegExp): Promise<number>;
  /** What it has said so far. */
  said(): string;
  /** Ends it as a service manager would. Gives its exit status and what it said. */
  end(): Promise<{ status: number | null; said: string }>;
}

interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

function readSamples(text: string): Sample[] {
  return [...text.matchAll(/^(\w+)\{(.*)\} (\S+)$/gm)].map(([, name, labels, value]) => ({
    name: name!,
    labels: Object.fromEntries([...labels!.matchAll(/(\w+)="([^"]*)"/g)].map(([, key, text]) => [key!, text!])),
    value: Number(value),
  }));
}

/** Starts a gateway and waits until it runs. It is gone at the end of the test, whatever happens. */
export async function runDaemon(t: Test, netns: string, graph: string, ...args: string[]): Promise<Daemon> {
  const options = ['run', graph, '--netns', netns, '--listen', '127.0.0.1:0', ...args];
  const child = spawn(...plainly(...options), { stdio: ['ignore', 'ignore', 'pipe'] });
  let said = '';
  const ended = new Promise<number | null>((resolve) => child.on('close', resolve));
  const endIn = (ms: number) => {
    const timer = setTimeout(() => child.kill('SIGKILL'), ms);
    void ended.then(() => clearTimeout(timer));
    return timer;
  };
  t.teardown(async () => {
    endIn(0);
    await ended;
  });

  const tooLate = endIn(PATIENCE);
  const metrics = await new Promise<string>((resolve, reject) => {
    child.stderr.setEncoding('utf8').on('data', (piece: string) => {
      said += piece;
      const url = / runs; metrics at (\S+)/.exec(said)?.[1];
      if (url) resolve(url);
    });
    void ended.then((status) => reject(new Error(`the gateway ended with ${status}: ${said}`)));
  });
  clearTimeout(tooLate);

  return {
    async drops(element) {
      const samples = readSamples(await (await fetch(metrics)).text());
      const known = samples.filter(
        ({ name, labels }) => name === 'potemkin_dropped_packets_total' && labels.element === element,
      );
      if (known.length === 0) throw new Error(`no drops of ${element} are counted`);
      return Object.fromEntries(
        known.filter(({ value }) => value > 0).map(({ labels, value }) => [labels.reason!, value]),
      );
    },
    async metric(name, labels = /./) {
      const text = await (await fetch(metrics)).text();
      const samples = text.split('\n').filter((line) => line.startsWith(`${name}{`) && labels.test(line));
      return samples.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' '))), 0);
    },
    said: () => said,
    async end() {
      child.kill('SIGTERM');
      endIn(PATIENCE);
      return { status: await ended, said };
    },
  };
}
