import { fork } from 'node:child_process';
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, rmdirSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { Failure } from '../failure.js';
import { listNamespaces } from './ip.js';
import { DEFAULT_NAME, DEFAULT_STATE, INTERFACES, type Namespaces, namespaces } from './layout.js';
import { hasLink, makeKernelTunnel, makeNetwork, removeNetwork, routeIntoTunnel } from './network.js';
import { type ProcessId, readPidFile, stop, writePidFile } from './process.js';
import type { RouterCounters, RouterMessage } from './router.js';

/** Who is the router's end of the tunnel: a process of ours, or the router's kernel, where it has GRE devices. */
export type Gre = 'process' | 'kernel';

export interface LabOptions {
  /** What the names of its namespaces begin with. */
  readonly name?: string;
  /** The folder in which the files of labs are. */
  readonly state?: string;
}

/** Bytes, see unix(7). */
const SOCKET_PATH = 107;

const ROUTER = fileURLToPath(new URL('./router.js', import.meta.url));

/** An attacker, the router of a telescope and a gateway, each in a network namespace of its own. */
export class Lab {
  readonly name: string;
  readonly namespaces: Namespaces;
  /** Where its files are while it is up. */
  readonly folder: string;
  private readonly state: string;

  constructor({ name = DEFAULT_NAME, state = DEFAULT_STATE }: LabOptions = {}) {
    this.name = name;
    this.namespaces = namespaces(name);
    this.state = state;
    this.folder = join(state, name);
  }

  /** Whether all of it is there. */
  get isUp(): boolean {
    return this.missing.length === 0;
  }

  /** Whether any of it is there. */
  get exists(): boolean {
    const there = listNamespaces();
    return existsSync(this.folder) || Object.values(this.namespaces).some((namespace) => there.includes(namespace));
  }

  /** What is missing of it, in words. */
  get missing(): string[] {
    const there = new Set(listNamespaces());
    const missing = Object.values(this.namespaces)
      .filter((namespace) => !there.has(namespace))
      .map((namespace) => `namespace ${namespace}`);
    const { router } = this.namespaces;
    if (there.has(router) && !hasLink(router, INTERFACES.dark)) missing.push("the router's end of the tunnel");
    return missing;
  }

  /** The process that is the router's end of the tunnel; undefined if it does not run, or the kernel does its work. */
  get router(): ProcessId | undefined {
    return readPidFile(this.file('router.pid'));
  }

  /** The process that brings it up or uses it alone, if there is one: see claim(). */
  get owner(): ProcessId | undefined {
    return readPidFile(this.file('owner.pid'));
  }

  /**
   * Brings it up; leftovers are removed first.
   * @returns false if it was up already
   * @throws {Failure} if that is impossible; nothing of it remains then
   */
  async up(gre: Gre = 'process'): Promise<boolean> {
    if (process.geteuid?.() !== 0) throw new Failure('the lab needs root: it makes network namespaces');
    if (Buffer.byteLength(this.file('router.sock')) > SOCKET_PATH)
      throw new Failure(`--state: a socket cannot have a path as long as that in ${this.folder}`);
    const { owner } = this;
    // A process that owned it and was killed has left it in whatever state.
    const abandoned = !owner && existsSync(this.file('owner.pid'));
    if (this.isUp && !abandoned) return false;
    if (owner && owner.pid !== process.pid) throw new Failure(`process ${owner.pid} is at work on lab ${this.name}`);
    this.down();
    try {
      mkdirSync(this.folder, { recursive: true });
      writePidFile(this.file('owner.pid'), process.pid);
      await makeNetwork(this.namespaces);
      if (gre === 'kernel') makeKernelTunnel(this.namespaces);
      else await this.startRouter();
      routeIntoTunnel(this.namespaces);
      this.release();
      return true;
    } catch (error) {
      this.down();
      throw error;
    }
  }

  /** Removes all of it, whatever there is. Blocks, so that it works while the process ends. */
  down(): void {
    const { router } = this;
    if (router) stop(router);
    removeNetwork(this.namespaces);
    rmSync(this.folder, { recursive: true, force: true });
    try {
      rmdirSync(this.state);
    } catch {
      // Other labs are there, or it was not.
    }
  }

  /**
   * Says that this process runs the gateway of the lab, as only one at a time may.
   * @throws {Failure} if another does
   */
  claim(): void {
    const { owner } = this;
    if (owner && owner.pid !== process.pid)
      throw new Failure(`process ${owner.pid} already runs a gateway in lab ${this.name}`);
    writePidFile(this.file('owner.pid'), process.pid);
  }

  release(): void {
    if (this.owner?.pid === process.pid) rmSync(this.file('owner.pid'), { force: true });
  }

  /** What the router's process has counted; undefined if there is none. */
  async counters(): Promise<RouterCounters | undefined> {
    if (!this.router) return undefined;
    return JSON.parse(await text(connect(this.file('router.sock')))) as RouterCounters;
  }

  private file(name: string): string {
    return join(this.folder, name);
  }

  /** Starts the router's process and waits until its end of the tunnel is there. */
  private async startRouter(): Promise<void> {
    const path = this.file('router.log');
    const log = openSync(path, 'w');
    const child = fork(ROUTER, [this.namespaces.router, this.file('router.sock')], {
      detached: true,
      execArgv: ['--enable-source-maps'],
      cwd: '/',
      stdio: ['ignore', log, log, 'ipc'],
    });
    closeSync(log);
    if (child.pid !== undefined) writePidFile(this.file('router.pid'), child.pid);
    const message = await new Promise<RouterMessage>((resolve) => {
      child.on('message', (said: RouterMessage) => resolve(said));
      child.on('error', ({ message }) => resolve({ error: message }));
      child.on('exit', () => resolve({ error: readFileSync(path, 'utf8').trim() }));
    });
    child.removeAllListeners('exit');
    child.unref();
    if ('error' in message) throw new Failure(`the router of lab ${this.name} does not start: ${message.error}`);
  }
}
