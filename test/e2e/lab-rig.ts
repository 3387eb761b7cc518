/** A lab of a test's own, beside any that a user has, and what is done in it. */
import { type ChildProcess, type ExecFileException, execFile, execFileSync, spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Test } from 'tap';
import { Lab } from '../../src/control/lab/lab.js';

/** Why there can be no lab here, or false. For tap's `skip`. */
export const noLab: string | false = process.getuid?.() === 0 ? false : 'needs root: a lab makes network namespaces';

export const potemkin = fileURLToPath(new URL('../../../bin/potemkin', import.meta.url));

/**
 * The environment without what tap has every process of Node.js load first, which takes three times as long to load as the
 * program itself.
 */
export const plain: NodeJS.ProcessEnv = { ...process.env };
delete plain['NODE_OPTIONS'];

/** The command line of `potemkin` with arguments, to be spawned in that environment. */
export const plainly = (...args: string[]): [string, string[]] => ['env', ['-u', 'NODE_OPTIONS', potemkin, ...args]];

export interface Ended {
  readonly status: number | string;
  readonly out: string;
  readonly err: string;
}

/** Runs a program to its end; one that hangs is ended after so many seconds. */
export function run(program: string, args: readonly string[], seconds = 30): Promise<Ended> {
  return new Promise((resolve) => {
    execFile(program, args, { env: plain, timeout: seconds * 1000 }, (error: ExecFileException | null, out, err) => {
      resolve({ status: error ? (error.code ?? error.signal ?? -1) : 0, out, err });
    });
  });
}

export const cli = (...args: string[]) => run(...plainly(...args));

let made = 0;

/** A lab with a name and a folder that no other has. It is down and goes at the end of the test. */
export function ownLab(t: Test): Lab {
  const name = `pt-${process.pid}-${made++}`;
  // Not in the test's own folder, whose path may be too long for a socket.
  const lab = new Lab({ name, state: join(tmpdir(), name) });
  t.teardown(() => lab.down());
  return lab;
}

/** Runs a program in the attacker's namespace. */
export const attack = (lab: Lab, program: string, ...args: string[]) =>
  run('ip', ['netns', 'exec', lab.namespaces.attacker, program, ...args]);

/** What a lab could leave behind or change. */
export function host(name: string) {
  const ip = (...args: string[]) => execFileSync('ip', args, { encoding: 'utf8' });
  const processes = readdirSync('/proc').filter((pid) => {
    try {
      return /^\d+$/.test(pid) && readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(`${name}-`);
    } catch {
      return false;
    }
  });
  const sysctls = ['ip_forward', 'conf/all/rp_filter', 'conf/default/rp_filter'];
  return {
    namespaces: ip('netns', 'list')
      .split('\n')
      .filter((line) => line.startsWith(`${name}-`)),
    links: (JSON.parse(ip('-json', 'link')) as { ifname: string }[]).map(({ ifname }) => ifname),
    routes: ip('route', 'show', 'table', 'all'),
    sysctls: sysctls.map((path) => readFileSync(`/proc/sys/net/ipv4/${path}`, 'utf8')),
    processes,
  };
}

/** Waits until something holds; a minute is enough for everything here. */
export async function until<T>(
  what: string,
  holds: () => T | undefined | false | Promise<T | undefined | false>,
): Promise<T> {
  const deadline = Date.now() + 60_000;
  for (;;) {
    const value = await holds();
    if (value) return value;
    if (Date.now() > deadline) throw new Error(`waited in vain: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** A conversation by an ordinary tool, held open from one of the attacker's addresses. */
export class Conversation {
  private readonly child: ChildProcess;
  private heard = '';

  constructor(t: Test, lab: Lab, source: string, target: string, port: number, tool: 'nc' | 'telnet' = 'nc') {
    const place = ['netns', 'exec', lab.namespaces.attacker];
    const command = [tool, tool === 'nc' ? '-s' : '-b', source, target, String(port)];
    this.child = spawn('ip', [...place, ...command], { stdio: ['pipe', 'pipe', 'ignore'] });
    this.child.stdout!.setEncoding('latin1').on('data', (piece: string) => {
      this.heard += piece;
    });
    t.teardown(() => this.child.kill());
  }

  /** Says a line and returns what is heard from then on, as soon as it matches. */
  async say(line: string, answer: RegExp): Promise<string> {
    const before = this.heard.length;
    this.child.stdin!.write(`${line}\n`);
    return until(`an answer to ${line}`, () => {
      const heard = this.heard.slice(before);
      return answer.test(heard) && heard;
    });
  }
}
