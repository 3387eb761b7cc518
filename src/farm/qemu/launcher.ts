import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync } from 'node:fs';
import { Socket } from 'node:net';
import { fileURLToPath } from 'node:url';
import { native } from '../../native/addon.js';
import { Cgroups } from './cgroups.js';
import { killMessage, launchMessage, Replies, type Reply } from './launcher-messages.js';

const PROGRAM = fileURLToPath(
  new URL(`../../../../build/${process.env.POTEMKIN_BUILD ?? 'Release'}/potemkin-launcher`, import.meta.url),
);

/** The user of slot 0: above all that distributions and systemd give away (systemd's UIDS-GIDS). */
const FIRST_USER = 0x70000000;

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
  /** A machine that was started has ended, and how. */
  onEnd(id: number, reason: string): void;
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
  /** From 0; no two that run at once are the same. */
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
  resolve(started: { pid: number }): void;
  reject(error: Error): void;
}

/**
 * The fork server (native/launcher): starts machines in jails, tells when one ends, and ends all of them when this
 * process ends, in whatever way.
 */
export class Launcher {
  /** Which limits are in force, in a line. */
  readonly limits: string;
  private readonly child: ChildProcess;
  private readonly fd: number;
  private readonly socket: Socket;
  private readonly cgroups: Cgroups;
  private readonly onEnd: LauncherOptions['onEnd'];
  private readonly pending = new Map<number, Pending>();
  private readonly running = new Set<number>();
  private readonly outbox: { bytes: Buffer; fds: Int32Array }[] = [];
  private readonly ended: Promise<void>;
  private complaint = '';
  private failure: Error | undefined;
  private ready = () => {};
  private retrying = false;

  /** @throws {Error} if machines cannot be jailed here. */
  static async start(options: LauncherOptions): Promise<Launcher> {
    const launcher = new Launcher(options);
    await new Promise<void>((resolve, reject) => {
      launcher.ready = resolve;
      void launcher.ended.then(() => reject(launcher.failure));
    });
    return launcher;
  }

  private constructor({ shown, slots, onEnd }: LauncherOptions) {
    this.onEnd = onEnd;
    this.cgroups = new Cgroups();
    this.limits = this.cgroups.describe();
    const [ours, theirs] = native.streamPair();
    this.fd = ours;
    const words = [
      ...[process.pid, FIRST_USER, slots].map(String),
      ...shown.data.map((path) => `data=${path}`),
      ...shown.programs.map((path) => `program=${path}`),
      ...shown.devices.map((path) => `device=${path}`),
      ...this.cgroups.folders.map(({ version, path }) => `${version === 2 ? 'unified' : 'group'}=${path}`),
    ];
    this.child = spawn(PROGRAM, words, { stdio: ['ignore', 'ignore', 'pipe', theirs], env: {}, cwd: '/' });
    closeSync(theirs);
    this.child.stderr!.setEncoding('utf8').on('data', (piece: string) => {
      this.complaint = (this.complaint + piece).slice(-COMPLAINT);
    });
    const replies = new Replies();
    this.socket = new Socket({ fd: ours, readable: true, writable: true });
    this.socket.on('data', (piece) => {
      try {
        for (const reply of replies.read(piece)) this.take(reply);
      } catch (error) {
        this.fail((error as Error).message);
      }
    });
    this.socket.on('error', ({ message }) => this.fail(message));
    this.socket.on('end', () => this.fail('the launcher has closed its socket'));
    this.ended = new Promise((resolve) => {
      this.child.on('error', ({ message }) => {
        this.fail(message);
        resolve();
      });
      this.child.on('close', (status) => {
        this.fail(this.complaint.trim() || `the launcher ended with status ${status}`);
        resolve();
      });
    });
  }

  /** Starts a program in a jail. @throws {Error} that says which step failed. */
  launch({ id, slot, argv, fds, limits }: LaunchOrder): Promise<{ pid: number }> {
    if (this.failure) return Promise.reject(this.failure);
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
      this.pending.set(id, { resolve, reject });
      this.outbox.push({ bytes: launchMessage(request), fds: Int32Array.from(fds) });
      this.flush();
    });
  }

  /** Kills a machine. onEnd tells when it is gone; of one that has ended nothing more is heard. */
  kill(id: number): void {
    if (this.failure || !this.running.has(id)) return;
    this.outbox.push({ bytes: killMessage(id), fds: new Int32Array(0) });
    this.flush();
  }

  /** Kills all machines and waits until they are gone, and the launcher with them. */
  async close(): Promise<void> {
    const timer = setTimeout(() => this.child.kill('SIGKILL'), GRACE);
    this.socket.destroy();
    await this.ended;
    clearTimeout(timer);
  }

  private take(reply: Reply): void {
    if (reply.kind === 'ready') {
      this.ready();
      return;
    }
    const { id } = reply;
    const pending = this.pending.get(id);
    this.pending.delete(id);
    if (reply.kind === 'started') {
      this.running.add(id);
      pending?.resolve({ pid: reply.pid });
    } else if (reply.kind === 'failed') pending?.reject(new Error(reply.reason));
    else if (this.running.delete(id)) this.onEnd(id, reply.reason);
  }

  private flush(): void {
    for (let first = this.outbox[0]; first && !this.failure; first = this.outbox[0]) {
      let sent = 0;
      try {
        sent = native.sendDescriptors(this.fd, first.bytes, first.fds);
      } catch (error) {
        this.fail((error as Error).message);
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

  /** Without the launcher there are no machines any more. */
  private fail(why: string): void {
    if (this.failure) return;
    this.failure = new Error(`the launcher of machines is gone: ${why}`);
    this.socket.destroy();
    this.outbox.length = 0;
    for (const { reject } of this.pending.values()) reject(this.failure);
    this.pending.clear();
    const running = [...this.running];
    this.running.clear();
    for (const id of running) this.onEnd(id, this.failure.message);
  }
}
