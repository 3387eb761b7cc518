import { Socket } from 'node:net';
import { native } from '../../native/addon.js';

/** Bytes of one message. What comes from a machine may come from whoever broke out into it. */
const LONGEST = 1 << 20;

/** QEMU refused a command, or its connection is gone. */
export class QmpError extends Error {
  override readonly name = 'QmpError';
}

export interface QmpEvent {
  readonly event: string;
  readonly data?: unknown;
}

interface Pending {
  readonly command: string;
  done(value: unknown): void;
  fail(error: Error): void;
}

interface Message {
  readonly QMP?: unknown;
  readonly event?: string;
  readonly data?: unknown;
  readonly return?: unknown;
  readonly error?: { readonly desc?: unknown };
}

const line = (command: string, parameters: Readonly<Record<string, unknown>> | undefined) =>
  `${JSON.stringify({ execute: command, ...(parameters && { arguments: parameters }) })}\n`;

/**
 * A connection to QEMU's monitor (docs/interop/qmp-spec.txt of QEMU): commands in order, answers in the same order.
 * Commands may be given before the greeting has come.
 */
export class Qmp {
  private readonly fd: number;
  private readonly socket: Socket;
  private readonly pending: Pending[] = [];
  private readonly onEvent: (event: QmpEvent) => void;
  private rest = '';
  private failure: QmpError | undefined;

  /** @param fd a connected stream socket, which is taken over. */
  constructor(fd: number, onEvent: (event: QmpEvent) => void = () => {}) {
    this.fd = fd;
    this.onEvent = onEvent;
    this.socket = new Socket({ fd, readable: true, writable: true });
    this.socket.setEncoding('latin1');
    this.socket.on('data', (piece: string) => this.read(piece));
    this.socket.on('error', ({ message }) => this.end(message));
    this.socket.on('close', () => this.end('the connection is closed'));
    void this.execute('qmp_capabilities').catch(() => {
      // Whoever gave the first command hears of it.
    });
  }

  /** @throws {QmpError} if QEMU refuses, or is gone. */
  execute(command: string, parameters?: Readonly<Record<string, unknown>>): Promise<unknown> {
    return new Promise((done, fail) => {
      if (this.failure) {
        fail(this.failure);
        return;
      }
      this.pending.push({ command, done, fail });
      this.socket.write(line(command, parameters));
    });
  }

  /** Hands QEMU a descriptor, which stays the caller's, and gives it a name for later commands. */
  async giveDescriptor(name: string, fd: number): Promise<void> {
    // Whatever was written before must have gone.
    await this.execute('query-name');
    const bytes = Buffer.from(line('getfd', { fdname: name }));
    await new Promise((done, fail) => {
      if (native.sendDescriptors(this.fd, bytes, Int32Array.of(fd)) < bytes.length)
        fail(new QmpError('getfd: no room'));
      else this.pending.push({ command: 'getfd', done, fail });
    });
  }

  close(): void {
    this.end('the connection was closed');
  }

  private read(piece: string): void {
    const lines = (this.rest + piece).split('\n');
    this.rest = lines.pop()!;
    for (const line of lines) this.take(line);
    if (this.rest.length > LONGEST) this.end(`a message is longer than ${LONGEST} bytes`);
  }

  private take(line: string): void {
    let message: Message;
    try {
      message = JSON.parse(line) as Message;
    } catch {
      this.end('a message is not JSON');
      return;
    }
    if (message.event !== undefined) this.onEvent({ event: message.event, data: message.data });
    else if (message.QMP === undefined) this.answer(message);
  }

  private answer({ error, return: value }: Message): void {
    const command = this.pending.shift();
    if (error) command?.fail(new QmpError(`${command.command}: ${String(error.desc)}`));
    else command?.done(value);
  }

  private end(why: string): void {
    if (this.failure) return;
    this.failure = new QmpError(why);
    this.socket.destroy();
    for (const { command, fail } of this.pending.splice(0)) fail(new QmpError(`${command}: ${why}`));
  }
}
