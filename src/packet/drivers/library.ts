import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { native } from '../../native/addon.js';
import type { NativeDevice } from '../../native/device.js';
import type { Packets } from '../packets.js';
import { type Device, type DeviceOptions, NativeDevices } from './device.js';
import { companions } from './ring.js';

/** What the helper process is told. */
export interface LibraryOptions {
  readonly library: 'cap' | 'raw-socket';
  readonly interface: string;
  readonly protocol: number;
  readonly local: number;
  readonly buffer: number;
}

/** What it tells: packets lost since it was started, or why it ends. */
export type LibraryMessage = { readonly drops: number } | { readonly error: string };

const MAIN = fileURLToPath(new URL('./library/main.js', import.meta.url));

/**
 * A library of npm in a process of its own, which passes packets over a pair of unix datagram sockets. Such a library
 * attaches itself to the event loop of a process's main thread, so it cannot be used in a data-plane worker, and
 * `cap` ends its process when the interface goes down.
 */
class LibraryDevice implements Device {
  readonly #devices: NativeDevices;
  readonly #child: ChildProcess;
  #lost = 0;
  #closed = false;

  /** @param others - what must be open beside it; the last one sends instead of the library. */
  constructor(options: LibraryOptions, failed: (error: Error) => void, others: (() => NativeDevice)[]) {
    const [ours, theirs] = native.framePair();
    try {
      this.#devices = new NativeDevices(() => native.openFrames(ours, 0), ...others);
      // It starts in the network namespace of this thread.
      this.#child = spawn(process.execPath, ['--enable-source-maps', MAIN, JSON.stringify(options)], {
        stdio: ['ignore', 'ignore', 'ignore', 'ipc', theirs],
      });
    } finally {
      closeSync(theirs);
    }
    let why = '';
    this.#child.on('message', (message: LibraryMessage) => {
      if ('drops' in message) this.#lost = message.drops;
      else why = message.error;
    });
    const ended = (reason: string) => {
      if (this.#closed) return;
      const what = `${options.interface}: the helper process of ${options.library} ${why || reason}`;
      failed(Object.assign(new Error(what), { code: 'EPIPE' }));
    };
    this.#child.on('error', (error) => ended(`cannot be started: ${error.message}`));
    this.#child.on('exit', (code, signal) => ended(`ended with ${signal ?? code}`));
  }

  receive(packets: Packets, max: number): number {
    return this.#devices.receive(packets, max);
  }

  send(packets: Packets, rows: Uint16Array, count: number): number {
    return this.#devices.send(packets, rows, count);
  }

  drops(): number {
    return this.#devices.drops() + this.#lost;
  }

  onReadable(callback: () => void): void {
    this.#devices.onReadable(callback);
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#devices.close();
    this.#child.kill();
  }
}

/**
 * METHOD PCAP: the `cap` package (libpcap). It sees what tcpdump sees. Its buffer holds one packet for every 64 KiB,
 * and what it drops itself is not counted.
 */
export function openPcap(options: DeviceOptions, failed: (error: Error) => void): Device {
  return new LibraryDevice({ library: 'cap', ...pick(options) }, failed, companions(options));
}

/** METHOD RAWSOCKET: the `raw-socket` package. A packet that could not be sent after all counts as dropped. */
export function openRawSocket(options: DeviceOptions, failed: (error: Error) => void): Device {
  if (options.protocol === 0) throw new TypeError('METHOD RAWSOCKET receives one protocol: say which');
  if (options.mac !== undefined) {
    throw new TypeError("METHOD RAWSOCKET sends by the kernel's routes: it takes no MAC address");
  }
  return new LibraryDevice({ library: 'raw-socket', ...pick(options) }, failed, []);
}

function pick({ interface: name, protocol, local, buffer }: DeviceOptions): Omit<LibraryOptions, 'library'> {
  return { interface: name, protocol, local, buffer };
}
