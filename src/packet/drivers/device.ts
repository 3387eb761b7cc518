import type { NativeDevice } from '../../native/device.js';
import type { Packets } from '../packets.js';
import type { Share } from '../spread.js';

/** A packet device that is open: what a method of packet I/O provides. A Driver opens it, and opens it again. */
export interface Device {
  /** Takes up to max rows of the table. Returns how many, or -errno if there is none because the device has failed. */
  receive(packets: Packets, max: number): number;
  /**
   * Sends the first count rows of the list and reorders them: first the accepted ones, in their order, then the
   * refused ones. Returns the number accepted, or -errno if there is none because the device has failed.
   */
  send(packets: Packets, rows: Uint16Array, count: number): number;
  /** Packets lost since it was opened because nobody received them in time. */
  drops(): number;
  /** Calls back whenever packets wait or the device has failed, until it is closed. */
  onReadable(callback: () => void): void;
  close(): void;
}

/** The options of every method; each says what it does without one. */
export interface DeviceOptions {
  readonly interface: string;
  /** Receive only this IPv4 protocol. 0: all, which a raw socket cannot do. */
  readonly protocol: number;
  /** Receive only packets to this address (host byte order). 0: to any. */
  readonly local: number;
  /** MAC address of the neighbour to whom all is sent, 6 bytes. Without it, the kernel's routes decide. */
  readonly mac: Uint8Array | undefined;
  /** Bytes that may wait in the kernel. */
  readonly buffer: number;
  /** RING only: milliseconds that packets may be gathered in blocks; 0 hands over each at once. */
  readonly retire: number;
  /** Which of the packets are received: only RING can receive less than all. */
  readonly share: Share;
}

/**
 * Devices over native ones: the first receives, the last sends, all are closed together.
 */
export class NativeDevices implements Device {
  readonly #all: readonly NativeDevice[];
  readonly #receiver: NativeDevice;
  readonly #sender: NativeDevice;

  /** @param openers - called in order; if one throws, those before it are closed. */
  constructor(...openers: readonly (() => NativeDevice)[]) {
    const opened: NativeDevice[] = [];
    try {
      for (const open of openers) opened.push(open());
    } catch (error) {
      for (const device of opened) device.close();
      throw error;
    }
    this.#all = opened;
    this.#receiver = opened[0]!;
    this.#sender = opened.at(-1)!;
  }

  receive(packets: Packets, max: number): number {
    const rows = this.#receiver.receive(packets.bytes, packets.used, Math.min(max, packets.free));
    if (rows > 0) packets.used += rows;
    return rows;
  }

  send(packets: Packets, rows: Uint16Array, count: number): number {
    return this.#sender.send(packets.bytes, rows, count);
  }

  drops(): number {
    return this.#receiver.drops();
  }

  onReadable(callback: () => void): void {
    this.#receiver.onReadable(callback);
  }

  close(): void {
    for (const device of this.#all) device.close();
  }
}
