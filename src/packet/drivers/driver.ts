import { getSystemErrorName } from 'node:util';
import { native } from '../../native/addon.js';
import type { Packets } from '../packets.js';
import { ALL } from '../spread.js';
import type { Device, DeviceOptions } from './device.js';
import { openPcap, openRawSocket } from './library.js';
import { openRaw } from './raw.js';
import { openRing } from './ring.js';

/** The ways to reach a network interface. docs/performance.md compares them. */
export const METHODS = { RING: openRing, RAW: openRaw, PCAP: openPcap, RAWSOCKET: openRawSocket } as const;

export type Method = keyof typeof METHODS;

export interface DriverOptions extends Partial<DeviceOptions> {
  readonly interface: string;
  readonly method?: Method;
  /** Milliseconds between looks at the interface, and between attempts to open it again. */
  readonly retry?: number;
  /** Asked before each attempt to open the interface, by its index; one that may not be opened is tried again. */
  readonly mayOpen?: (index: number) => boolean;
  /** Called after each change of `state`. */
  readonly onState?: (state: DriverState) => void;
}

export type DriverState =
  | { readonly up: true }
  /** code: that of errno, ENETDOWN or ENODEV mostly. The message names the interface. */
  | { readonly up: false; readonly code: string; readonly message: string };

const UP: DriverState = { up: true };

/** Errors that pass when somebody makes the interface, switches it on, or gives it its address. */
const PASSING = new Set(['ENODEV', 'ENETDOWN', 'ENXIO', 'EADDRNOTAVAIL', 'EAGAIN']);

const WHY: Record<string, string> = {
  ENODEV: 'there is no such interface',
  ENETDOWN: 'the interface is down',
  EAGAIN: 'the kernel filter is not in force on the interface yet',
};

/**
 * An interface that packets come and go by. When it is missing, goes away or goes down, the driver says so in
 * `state`, receives nothing, refuses what is sent, and tries to open it again at a bounded rate. It belongs to the
 * thread and network namespace in which it was made.
 */
export class Driver {
  state: DriverState = UP;
  /** Times that the interface was not there or failed. */
  failures = 0;
  readonly method: Method;
  readonly #options: DeviceOptions;
  readonly #mayOpen: (index: number) => boolean;
  readonly #onState: ((state: DriverState) => void) | undefined;
  readonly #timer: NodeJS.Timeout;
  #device: Device | undefined;
  #index = 0;
  #callback: (() => void) | undefined;
  #drops = 0;

  /** Throws an Error with a code if the interface cannot be opened for a reason that does not pass, such as EPERM. */
  constructor({ method = 'RING', retry = 1000, mayOpen = () => true, onState, ...options }: DriverOptions) {
    this.method = method;
    this.#mayOpen = mayOpen;
    this.#onState = onState;
    this.#options = { protocol: 0, local: 0, mac: undefined, buffer: 32 << 20, retire: 0, share: ALL, ...options };
    if (method !== 'RING' && this.#options.share.workers > 1)
      throw new TypeError(`METHOD ${method} cannot leave packets to other workers`);
    try {
      this.#open();
    } catch (error) {
      if (!PASSING.has(codeOf(error))) throw error;
      this.#fail(error);
    }
    this.#timer = setInterval(() => this.#look(), retry);
  }

  /** Takes up to max rows of the table; returns how many. */
  receive(packets: Packets, max: number): number {
    const rows = this.#device?.receive(packets, max) ?? 0;
    if (rows >= 0) return rows;
    this.#fail(this.#coded(getSystemErrorName(rows)));
    return 0;
  }

  /**
   * Sends the first count rows of the list.
   * @returns the number accepted. The list is reordered: first the accepted rows, in their order, then the refused ones.
   */
  send(packets: Packets, rows: Uint16Array, count: number): number {
    const accepted = this.#device?.send(packets, rows, count) ?? 0;
    if (accepted >= 0) return accepted;
    this.#fail(this.#coded(getSystemErrorName(accepted)));
    return 0;
  }

  /** Packets lost in front of receive(), because nobody received them in time. */
  drops(): number {
    return this.#drops + (this.#device?.drops() ?? 0);
  }

  /** Calls back whenever packets wait. The callback should receive them, or it is called again at once. */
  onReadable(callback: () => void): void {
    this.#callback = callback;
    this.#device?.onReadable(callback);
  }

  close(): void {
    clearInterval(this.#timer);
    this.#release();
  }

  #open(): void {
    const { interface: name } = this.#options;
    const found = native.interfaces().find((one) => one.name === name);
    if (found === undefined) throw this.#coded('ENODEV');
    if (!found.up) throw this.#coded('ENETDOWN');
    if (!this.#mayOpen(found.index)) throw this.#coded('EAGAIN');
    this.#device = METHODS[this.method](this.#options, (error) => this.#fail(error));
    this.#index = found.index;
    if (this.#callback !== undefined) this.#device.onReadable(this.#callback);
  }

  /** Not every method is told when its interface fails, so the driver looks. */
  #look(): void {
    if (this.#device === undefined) {
      try {
        this.#open();
        this.#become(UP);
      } catch (error) {
        this.#say(error);
      }
      return;
    }
    const found = native.interfaces().find((one) => one.name === this.#options.interface);
    if (found?.index !== this.#index) this.#fail(this.#coded('ENODEV'));
    else if (!found.up) this.#fail(this.#coded('ENETDOWN'));
  }

  #fail(error: unknown): void {
    this.#release();
    this.failures++;
    this.#say(error);
  }

  #coded(code: string): Error {
    return Object.assign(new Error(`${this.#options.interface}: ${WHY[code] ?? 'the interface failed'} (${code})`), {
      code,
    });
  }

  #say(error: unknown): void {
    const code = codeOf(error);
    if (!this.state.up && this.state.code === code) return;
    this.#become({ up: false, code, message: error instanceof Error ? error.message : String(error) });
  }

  #become(state: DriverState): void {
    this.state = state;
    this.#onState?.(state);
  }

  #release(): void {
    if (this.#device === undefined) return;
    this.#drops += this.#device.drops();
    this.#device.close();
    this.#device = undefined;
  }
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : 'UNKNOWN';
}
