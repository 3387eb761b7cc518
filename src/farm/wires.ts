import { native } from '../native/addon.js';
import type { Packets } from '../packet/packets.js';

/**
 * Bytes that may wait on a wire in each direction: some hundred frames. A clone that is paused, or hangs, costs no more
 * than that, whatever it is sent.
 */
const BUFFER = 256 * 1024;

/**
 * The wires of all clones of a backend (native/wires.h): frames in and out in batches, with the clone's number in the
 * column `clone`. It belongs to the thread in which it was made.
 *
 * NICs at the other end must be given without offloads (no `csum`, `gso`, `tso`): the gateway takes the bytes of a frame
 * as they are, so a segment that a NIC was to cut would be too long for the wire, and CheckIPHeader drops a checksum that a
 * NIC was to complete.
 */
export class Wires {
  private readonly wires = native.openWires();

  /** Two ends for a wire: one for `add`, the other for the machine. The caller owns both. */
  static pair(): [ours: number, theirs: number] {
    return native.framePair(BUFFER);
  }

  /**
   * Adds a clone's wire, and takes its descriptor over.
   * @throws {Error} with a code: EEXIST if the clone has one, ENOSPC beyond 100,000, EINVAL for another kind of socket;
   *   the descriptor is closed then.
   */
  add(clone: number, fd: number): void {
    this.wires.add(clone, fd);
  }

  /** Closes a clone's wire with all that waits on it. False if it has none. */
  remove(clone: number): boolean {
    return this.wires.remove(clone);
  }

  /**
   * Takes up to max rows of the table, each a frame that starts with its Ethernet header. Wires take turns, so that one
   * that floods holds nobody up: fewer rows than asked for do not mean that nothing is left.
   * @returns the rows taken, which are the last ones of the table.
   */
  receive(packets: Packets, max: number): number {
    const rows = this.wires.receive(packets.bytes, packets.used, Math.min(max, packets.free));
    packets.used += rows;
    return rows;
  }

  /** Sends frames, as CloneBackend.deliver promises. A wire that is full or dead refuses its own rows. */
  send(packets: Packets, rows: Uint16Array, count: number): number {
    return this.wires.send(packets.bytes, rows, count);
  }

  /** Calls back whenever frames wait, until it is closed. */
  onReadable(callback: () => void): void {
    this.wires.onReadable(callback);
  }

  /** Closes all wires. */
  close(): void {
    this.wires.close();
  }
}
