import { type ChildProcess, spawn } from 'node:child_process';
import type { Test } from 'tap';
import type { Lab } from '../../src/control/lab/lab.js';
import { plainly, until } from './lab-rig.js';

/** An event as `--events json` tells it. */
export interface ToldEvent {
  readonly kind: string;
  readonly universe?: number;
  readonly clone?: number;
  readonly address?: string;
  readonly source?: string;
  readonly target?: string;
  readonly cause?: { readonly source: string; readonly clone: number };
  readonly verdict?: string;
  readonly message?: string;
  readonly outcome?: string;
  readonly path?: string;
  readonly ending?: string;
  readonly reason?: string;
  readonly stopped?: boolean;
  readonly by?: string;
  readonly reasons?: readonly string[];
}

/** Definitions that give config/farm.click simulated clones. */
export const SIMULATED = ['-D', 'BACKEND=simulated', '-D', 'MAP=simulated.map'];

/** Where a gateway runs: a lab, or what has a namespace for it. */
type Place = { readonly namespaces: Pick<Lab['namespaces'], 'gateway'> };

/** `potemkin run` in the gateway's namespace of a lab, with the control plane outside. */
export class Gateway {
  readonly ended: Promise<number | string | null>;
  /** The address of its control plane. */
  url = '';
  text = '';
  private readonly child: ChildProcess;

  /** Starts a gateway and waits until it runs. */
  static async start(t: Test, lab: Place, graph: string, ...args: string[]): Promise<Gateway> {
    const gateway = new Gateway(t, lab, graph, args);
    const url = await until('the gateway', () => {
      if (gateway.child.exitCode !== null) throw new Error(gateway.text);
      return /metrics at (http:\/\/[^/\s]+)\/metrics/.exec(gateway.text)?.[1];
    });
    gateway.url = url;
    return gateway;
  }

  private constructor(t: Test, lab: Place, graph: string, args: readonly string[]) {
    const place = ['--netns', lab.namespaces.gateway, '--listen', '127.0.0.1:0', '--events', 'json'];
    this.child = spawn(...plainly('run', graph, ...place, ...args), {
      stdio: ['ignore', 'inherit', 'pipe'],
    });
    this.child.stderr!.setEncoding('utf8').on('data', (piece: string) => {
      this.text += piece;
    });
    this.ended = new Promise((resolve) => {
      this.child.on('close', (status, signal) => resolve(status ?? signal));
    });
    t.teardown(() => {
      this.child.kill('SIGKILL');
      return this.ended;
    });
  }

  get events(): ToldEvent[] {
    const lines = this.text.split('\n').slice(0, -1);
    return lines.filter((line) => line.startsWith('{')).map((line) => JSON.parse(line) as ToldEvent);
  }

  get clones(): ToldEvent[] {
    return this.events.filter(({ kind }) => kind === 'clone');
  }

  get(path: string): Promise<Response> {
    return fetch(this.url + path);
  }

  /** The sum of all samples of a metric whose labels match. */
  async metric(name: string, labels = /./): Promise<number> {
    const text = await (await this.get('/metrics')).text();
    const samples = text.split('\n').filter((line) => line.startsWith(`${name}{`) && labels.test(line));
    return samples.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' '))), 0);
  }

  /** Sends a signal that does not end it. */
  signal(signal: NodeJS.Signals): void {
    this.child.kill(signal);
  }

  /** Sends a signal and returns the exit status. */
  end(signal: NodeJS.Signals = 'SIGTERM') {
    this.child.kill(signal);
    return this.ended;
  }
}
