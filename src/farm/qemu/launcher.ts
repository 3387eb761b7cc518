import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, existsSync } from 'node:fs';
import { Socket } from 'node:net';
import { fileURLToPath } from 'node:url';
import { native } from '../../native/addon.js';
import { Cgroups } from './cgroups.js';
import { killMessage, launchMessage, Replies, type Reply } from './launcher-messages.js';

/** The program, where the build puts it. */
export const PROGRAM = fileURLToPath(
  new URL(`../../../../build/${process.env.POTEMKIN_BUILD ?? 'Release'}/potemkin-launcher`, import.meta.url),
);

/** What programs may see of the host's files, besides their descriptors. */
export interface Shown {
  /** That may be read. */
  readonly data: readonly string[];
  /** That may be read and executed. */
  readonly programs: readonly string[];
  readonly devices: readonly string[];
}

export interface LauncherOptions {
  readonly shown: Shown;
  /** Machines that may run at once. */
  readonly slots: number;
}

/** A machine that was started. */
export interface Launched {
  readonly pid: number;
  /** Becomes how it ended, when it is gone with all processes that it made. */
  readonly ended: Promise<string>;
}

export interface Limits {
  /** Bytes of memory. */
  readonly memory: number;
  /** Bytes of a file that it may write to: 0, if it is not to write to any. */
  readonly fileBytes: number;
}

export interface LaunchOrder {
  /** No two of a launcher are the same. */
  readonly id: number;
  /** From 0; no two that run at once are the same. Which user it runs as: nobody else does. */
  readonly slot: number;
  /** The first is the program's path. */
  readonly argv: readonly string[];
  /** Descriptors that the program has as 3, 4, 5 …, and no others. They stay the caller's. */
  readonly fds: readonly number[];
  readonly limits: Limits;
}

/** Of every machine. A QEMU has a handful of threads. */
const FILES = 64;
const PROCESSES = 64;
const PROCESSORS = 1;

/** Milliseconds between two tries to send what the launcher had no room for; and for it to end by itself. */
const RETRY = 1;
const GRACE = 5000;
/** Bytes kept of what the launcher itself complains of. */
const COMPLAINT = 4096;

interface Pending {
  resolve(launched: Launched): void;
  reject(error: Error): void;
}

/**
 * The fork server (native/launcher): starts machines in jails, tells when one ends, and ends all of them when this
 * thread ends, in whatever way.
 */
export class Launcher {
  /** Which limits are in force, in a line. */
  readonly limits: string;
  private readonly cgroups = new Cgroups();
  private readonly child: ChildProcess;
  private readonly fd: number;
  private readonly socket: Socket;
  private readonly pending = new Map<number, Pending>();
  /** Who waits for the end of which machine. */
  private readonly running = new Map<number, (reason: string) => void>();
  private readonly outbox: { bytes: Buffer; fds: Int32Array }[] = [];
  private readonly ended: Promise<void>;
  private complaint = '';
  /** Why there is nothing to be had from it any more. */
  private failure: string | undefined;
  private ready = () => {};
  private retrying = false;

  /** @throws {Error} if machines cannot be jailed here. */
  static async start(options: LauncherOptions): Promise<Launcher> {
    if (!existsSync(PROGRAM)) throw new Error(`${PROGRAM} is missing; build it with \`npm run setup\``);
    const launcher = new Launcher(options);
    await new Promise<void>((resolve, reject) => {
      launcher.ready = resolve;
      void launcher.ended.then(() => reject(launcher.gone()));
    });
    return launcher;
  }

  private constructor({ shown, slots }: LauncherOptions) {
    this.limits = this.cgroups.describe();
    const [ours, theirs] = native.streamPair();
    this.fd = ours;
    this.socket = new Socket({ fd: ours, readable: true, writable: true });
    const words = [
      ...[process.pid, slots].map(String),
      ...shown.data.map((path) => `data=${path}`),
      ...shown.programs.map((path) => `program=${path}`),
      ...shown.devices.map((path) => `device=${path}`),
      ...this.cgroups.folders.map(({ version, path }) => `${version === 2 ? 'unified' : 'group'}=${path}`),
    ];
    try {
      this.child = spawn(PROGRAM, words, { stdio: ['ignore', 'ignore', 'pipe', theirs], env: {}, cwd: '/' });
    } catch (error) {
      this.socket.destroy();
      void this.cgroups.remove();
      throw error;
    } finally {
      closeSync(theirs);
    }
    this.child.stderr?.setEncoding('utf8').on('data', (piece: string) => {
      this.complaint = (this.complaint + piece).slice(-COMPLAINT);
    });
    const replies = new Replies();
    this.socket.on('data', (piece) => {
      try {
        for (const reply of replies.read(piece)) this.take(reply);
      } catch (error) {
        this.release((error as Error).message);
      }
    });
    this.socket.on('error', ({ message }) => this.release(message));
    this.socket.on('end', () => this.release('it closed its socket'));
    this.child.on('error', ({ message }) => this.release(message));
    this.child.on('exit', (status, signal) => this.release(`it ended with ${status ?? signal}`));
    // Not before all who have its standard error have ended, of whom the guard may be the first.
    this.ended = new Promise((resolve) => this.child.on('close', () => void this.finish().then(resolve)));
  }

  /** Whether it serves. */
  get alive(): boolean {
    return this.failure === undefined;
  }

  /** Starts a program in a jail. @throws {Error} that says which step failed; then there is no process. */
  launch({ id, slot, argv, fds, limits }: LaunchOrder): Promise<Launched> {
    if (!this.alive) return Promise.reject(this.gone());
    const { memory, fileBytes } = limits;
    const settings = this.cgroups.settings({ memory, processes: PROCESSES, processors: PROCESSORS });
    const request = {
      id,
      slot,
      argv,
      files: FILES,
      processes: PROCESSES,
      fileBytes,
      descriptors: fds.length,
      settings,
    };
    return new Promise((resolve, reject) => {
      this.outbox.push({ bytes: launchMessage(request), fds: Int32Array.from(fds) });
      this.pending.set(id, { resolve, reject });
      this.flush();
    });
  }

  /** Kills a machine. `ended` tells when it is gone. */
  kill(id: number): void {
    if (!this.alive || !this.running.has(id)) return;
    this.outbox.push({ bytes: killMessage(id), fds: new Int32Array(0) });
    this.flush();
  }

  /** Kills all machines and waits until they are gone, and the launcher with them. */
  async close(): Promise<void> {
    this.release('it was closed');
    await this.ended;
  }

  private take(reply: Reply): void {
    if (reply.kind === 'ready') {
      this.ready();
      return;
    }
    const { id } = reply;
    if (reply.kind === 'ended') {
      this.running.get(id)?.(reply.reason);
      this.running.delete(id);
      return;
    }
    const pending = this.pending.get(id);
    this.pending.delete(id);
    if (reply.kind === 'failed') pending?.reject(new Error(reply.reason));
    else pending?.resolve({ pid: reply.pid, ended: new Promise((resolve) => this.running.set(id, resolve)) });
  }

  private flush(): void {
    for (let first = this.outbox[0]; first; first = this.outbox[0]) {
      let sent = 0;
      try {
        sent = native.sendDescriptors(this.fd, first.bytes, first.fds);
      } catch (error) {
        this.release((error as Error).message);
        return;
      }
      if (sent < first.bytes.length) {
        // The descriptors went with the first bytes.
        if (sent > 0) this.outbox[0] = { bytes: first.bytes.subarray(sent), fds: new Int32Array(0) };
        this.retry();
        return;
      }
      this.outbox.shift();
    }
  }

  private retry(): void {
    if (this.retrying) return;
    this.retrying = true;
    setTimeout(() => {
      this.retrying = false;
      this.flush();
    }, RETRY);
  }

  /** Lets go of the launcher, which then ends all machines and itself. */
  private release(why: string): void {
    if (this.failure !== undefined) return;
    this.failure = why;
    // The descriptor's number is somebody else's from now on.
    this.outbox.length = 0;
    this.socket.destroy();
    const timer = setTimeout(() => this.child.kill('SIGKILL'), GRACE);
    void this.ended.then(() => clearTimeout(timer));
  }

  private gone(): Error {
    return new Error(`the launcher of machines has ended: ${this.complaint.trim() || this.failure}`);
  }

  /** Without the launcher there are no machines any more. */
  private async finish(): Promise<void> {
    const error = this.gone();
    for (const { reject } of this.pending.values()) reject(error);
    this.pending.clear();
    for (const end of this.running.values()) end(error.message);
    this.running.clear();
    await this.cgroups.remove();
  }
}
