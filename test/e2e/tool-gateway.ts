import { type ChildProcess, fork, spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Test } from 'tap';
import type { Lab } from '../../src/control/lab/lab.js';
import type { EngineEvent } from '../../src/pipeline/events.js';
import { attack, type Ended, run, until } from './lab-rig.js';
import { ip } from './netns.js';
import type { FromTool, ToTool } from './tool-gateway-main.js';

const MAIN = fileURLToPath(new URL('./tool-gateway-main.js', import.meta.url));
const CONFIG = fileURLToPath(new URL('../../../config', import.meta.url));

/** The address of the clone that is a network namespace, who contacts it, and the resolver that its software asks. */
export const TOOL = '10.99.1.2';
export const CALLER = '198.51.100.1';
export const RESOLVER = '198.51.100.53';

let made = 0;

/**
 * A gateway of which one clone, that for 10.99.1.2, is a network namespace of its own: `tool` runs ordinary programs as its software.
 * What they send passes the whole graph: farm, flows, export policy, tunnel. Other clones are simulated.
 */
export class ToolGateway {
  readonly state: string;
  readonly events: EngineEvent[] = [];
  private readonly namespace = `potemkin-tool-${process.pid}-${made++}`;
  private readonly lab: Lab;
  private readonly child: ChildProcess;
  private readonly answers = new Map<number, (message: FromTool & { kind: 'answer' }) => void>();
  private calls = 0;
  private started = false;
  private failure: string | undefined;

  /**
   * Starts it in a lab that is up, with the shipped graph, and lets the clone be contacted.
   * @param policy the text of a policy, or the name of a shipped one
   */
  static async start(t: Test, lab: Lab, policy: string, defines: Record<string, string> = {}): Promise<ToolGateway> {
    const gateway = new ToolGateway(t, lab, policy, defines);
    await until('the gateway', () => {
      if (gateway.failure !== undefined) throw new Error(gateway.failure);
      return gateway.started;
    });
    const { status, err } = await attack(lab, 'ping', '-n', '-c', '1', '-W', '5', '-I', CALLER, TOOL);
    if (status !== 0) throw new Error(`the clone does not answer: ${err}`);
    return gateway;
  }

  private constructor(t: Test, lab: Lab, policy: string, defines: Record<string, string>) {
    this.lab = lab;
    this.state = mkdtempSync(join(tmpdir(), 'potemkin-tool-'));
    writeFileSync(join(this.state, 'resolv.conf'), `nameserver ${RESOLVER}\noptions timeout:2 attempts:2\n`);
    const shipped = readdirSync(join(CONFIG, 'policies')).includes(policy);
    const file = shipped ? join(CONFIG, 'policies', policy) : join(this.state, 'test.policy');
    if (!shipped) writeFileSync(file, policy);
    const all = { TARGETS: '0', BACKEND: 'simulated', MAP: 'simulated.map', POLICY: file, ...defines };
    ip('netns', 'add', this.namespace);
    const place = [lab.namespaces.gateway, this.namespace, TOOL, this.state];
    this.child = fork(MAIN, [join(CONFIG, 'farm.click'), JSON.stringify(all), ...place], {
      execArgv: ['--enable-source-maps'],
    });
    const ended = new Promise((resolve) => this.child.on('exit', resolve));
    this.child.on('message', (message: FromTool) => this.hear(message));
    this.child.on('exit', (status) => {
      this.failure ??= `the gateway has ended with ${status}`;
    });
    t.teardown(async () => {
      if (this.child.connected) this.child.disconnect();
      const timer = setTimeout(() => this.child.kill('SIGKILL'), 5000);
      await ended;
      clearTimeout(timer);
      ip('netns', 'del', this.namespace);
      rmSync(this.state, { recursive: true, force: true });
    });
  }

  /** Runs a program as software of the clone. Names are looked up at RESOLVER. */
  tool(program: string, ...args: string[]): Promise<Ended> {
    const shell = 'mount --bind "$0" /etc/resolv.conf && exec "$@"';
    const resolv = join(this.state, 'resolv.conf');
    return run('ip', ['netns', 'exec', this.namespace, 'sh', '-c', shell, resolv, program, ...args]);
  }

  /** Runs a program on the Internet. */
  outside(program: string, ...args: string[]): Promise<Ended> {
    return attack(this.lab, program, ...args);
  }

  /** Starts a program on the Internet, which is ended with the test. @returns what it has said so far */
  serve(t: Test, program: string, ...args: string[]): () => string {
    const child = spawn('ip', ['netns', 'exec', this.lab.namespaces.attacker, program, ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let said = '';
    for (const stream of [child.stdout, child.stderr])
      stream!.setEncoding('latin1').on('data', (piece: string) => {
        said += piece;
      });
    t.teardown(() => child.kill('SIGKILL'));
    return () => said;
  }

  read(handler: string): Promise<string> {
    return this.call({ handler });
  }

  write(handler: string, value: string): Promise<string> {
    return this.call({ handler, value });
  }

  /** What sinks have kept: the record of each, and the bytes beside it. */
  kept(): { record: Record<string, unknown>; body: string }[] {
    const folder = join(this.state, 'sinks');
    const names = readdirSync(folder).sort();
    return names
      .filter((name) => name.endsWith('.json'))
      .map((name) => {
        const body = names.find((other) => other !== name && other.startsWith(name.replace(/json$/, '')));
        return {
          record: JSON.parse(readFileSync(join(folder, name), 'utf8')) as Record<string, unknown>,
          body: body === undefined ? '' : readFileSync(join(folder, body), 'latin1'),
        };
      });
  }

  verdicts(): (EngineEvent & { kind: 'verdict' })[] {
    return this.events.flatMap((event) => (event.kind === 'verdict' ? [event] : []));
  }

  private call(call: { handler: string; value?: string }): Promise<string> {
    const id = ++this.calls;
    return new Promise((resolve, reject) => {
      this.answers.set(id, ({ value, error }) => {
        if (error === undefined) resolve(value!);
        else reject(new Error(error));
      });
      this.child.send({ id, ...call } satisfies ToTool);
    });
  }

  private hear(message: FromTool): void {
    if (message.kind === 'event') this.events.push(message.event);
    else if (message.kind === 'answer') this.answers.get(message.id)?.(message);
    else if (message.kind === 'failed') this.failure = message.message;
    else this.started = true;
  }
}
