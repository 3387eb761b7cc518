import type { Packets } from '../packet/packets.js';
import type { AgentReport, Baseline } from './agent-report.js';
import type { DeltaSource } from './delta.js';

/** What makes one clone differ from all others of its image. */
export interface Identity {
  /** IPv4 address it has, as a number. */
  readonly address: number;
  /** Six bytes. */
  readonly mac: Uint8Array;
  readonly hostname: string;
  /** Where its random numbers start. */
  readonly entropy: bigint;
}

/** Whether a clone was there before it was asked for. */
export type Origin = 'warm' | 'cold';

/** How a live clone can end by itself: it is gone, or is there and does not answer. */
export type Death = 'died' | 'hung';

/** What a backend reports, always between turns or in `collect`, never from within `request` or `deliver`. */
export interface BackendListener {
  /** The clone runs and takes frames. It stood by (`warm`), or had to be made from nothing. */
  ready(id: number, origin: Origin): void;
  /** It could not be made, and why. */
  failed(id: number, reason: string): void;
  /** A live clone ended by itself, and why. It is still to be destroyed. */
  gone(id: number, reason: string, how: Death): void;
}

/** What one clone costs, in bytes. */
export interface CloneAccount {
  /** Pages of memory in which it differs from its image. */
  readonly delta: number;
  /** Its proportional part of all memory that it uses, swap included. */
  readonly pss: number;
  /** What its process takes beside the guest's memory. */
  readonly overhead: number;
  /** What it has written to its disk. */
  readonly disk: number;
}

/** A clone that holds still and is cut off, to be captured. What it does not have is left out. */
export interface Captive {
  readonly memory?: DeltaSource;
  /** Descriptor of its disk's overlay. */
  readonly disk?: number;
  /** What its agent said at last. */
  readonly report?: AgentReport;
  readonly account?: CloneAccount;
  /** Gives back what is held for the capture. The clone is to be destroyed apart from that, before or after. */
  release(): void;
}

/** Clones that are made ahead. */
export interface Stock {
  readonly ready: number;
  readonly making: number;
  /** How many should be ready. */
  readonly target: number;
}

/** Bytes of memory in use. */
export interface PoolMemory {
  /** Reference images, which all clones share. */
  readonly reference: number;
  /** Pages in which clones differ from their images. */
  readonly delta: number;
  /** What it costs to keep track of them. */
  readonly tables: number;
}

/**
 * Where clones come from. A clone has one wire, which leads to the gateway, and Ethernet frames on it. Ids are
 * given by the caller and are not used again.
 */
export interface CloneBackend {
  /** Opens the images of these names, which are known by their numbers from now on. Fails if one is missing or damaged. */
  start(listener: BackendListener, images: readonly string[]): Promise<void>;
  /**
   * The address that clones of an image have inside, whatever their identity says: that which the image was frozen with,
   * if nothing in it can give it another. The gateway then translates. Undefined if a clone takes its own.
   */
  insideAddress(image: number): number | undefined;
  /** The hardware address that all clones of an image have for the same reason, six bytes. Left out: none has one. */
  insideMac?(image: number): Uint8Array | undefined;
  /** Asks for a clone; the listener hears of it later. */
  request(id: number, image: number, identity: Identity): void;
  /**
   * Hands the frames in the first count rows of the list to clones; the column `clone` says to whom. Frames for one clone
   * keep their order. The list is reordered: first the accepted rows, in their order, then the refused ones.
   * @returns the number accepted.
   */
  deliver(packets: Packets, rows: Uint16Array, count: number): number;
  /**
   * Moves up to `max` frames that clones have sent into new rows; the frame is at `start`, and the column `clone`
   * says who sent it.
   * @returns the number of rows taken, which are the last ones taken from the table.
   */
  collect(packets: Packets, max: number): number;
  /** Whether clones have frames waiting, or work to do, at once. */
  readonly busy: boolean;
  /** Bytes in which a clone differs from its image. */
  delta(id: number): number;
  /** The process that is a clone, if it is one of its own. */
  pid?(id: number): number | undefined;
  /** What a clone costs in all; slow, so ask for a few at a time. Undefined if it is not known. */
  account?(id: number): CloneAccount | undefined;
  memory(): PoolMemory;
  /** Left out: none are made ahead. */
  stock?(): Stock;
  /** What an image is like by itself, if that is known. */
  baseline?(image: number): Omit<Baseline, 'allowance'> | undefined;
  /** Asks the agent in a clone what listens and runs there. Undefined if it has none. Rejects if it does not answer. */
  report?(id: number): Promise<AgentReport> | undefined;
  /**
   * Makes a clone hold still, for good. Its wire is cut at once; whether it then dies is not reported any more. Rejects if
   * it does not hold still in a bounded time, and why; it may be destroyed meanwhile.
   */
  hold?(id: number): Promise<Captive>;
  /** Ends a clone, ready or not. Its memory is free again and nothing of it remains. */
  destroy(id: number): void;
  stop(): Promise<void>;
}
