export { CAPTURE_CHUNK } from '../native/capture.js';

import { native } from '../native/addon.js';
import { CAPTURE_RESULT, CAPTURE_STATUS, type CaptureStatus } from '../native/capture.js';
import type { Batch } from './batch.js';
import type { Packets } from './packets.js';

/**
 * Reads a capture file (pcap or pcapng) that somebody else hands over in chunks. It keeps no bytes: what a call did not
 * consume has to come again at the front of the next chunk. A chunk of CAPTURE_CHUNK bytes always suffices to get on.
 */
export class CaptureReader {
  readonly #state = new Uint8Array(native.captureBytes);
  readonly #words = new Uint32Array(this.#state.buffer);
  readonly #position = new Float64Array(this.#state.buffer, 0, 1);

  /**
   * Takes rows for the packets of the chunk, at most `most`, and adds them to the batch. Those that cannot be read have a
   * fault and are empty.
   * @returns the bytes consumed.
   */
  read(chunk: Uint8Array, packets: Packets, batch: Batch, most = packets.free): number {
    const first = packets.used;
    const count = native.captureRead(this.#state, chunk, packets.bytes, first, Math.min(most, packets.free));
    packets.used += count;
    batch.addRange(first, count);
    return this.#words[CAPTURE_RESULT.consumed]!;
  }

  /** How many rows of the last read have a fault. */
  get faulty(): number {
    return this.#words[CAPTURE_RESULT.faulty]!;
  }

  /** Bytes of the rows of the last read. */
  get bytes(): number {
    return this.#words[CAPTURE_RESULT.bytes]!;
  }

  /** Why the last read stopped: 'more', 'full', or damage. */
  get status(): CaptureStatus {
    return CAPTURE_STATUS[this.#words[CAPTURE_RESULT.status]!]![0];
  }

  /** What damage the last read came upon, in words; undefined if none. */
  get damage(): string | undefined {
    const [name, text] = CAPTURE_STATUS[this.#words[CAPTURE_RESULT.status]!]!;
    return name === 'more' || name === 'full' ? undefined : text;
  }

  /** Offset in the file of what comes next or, after damage, of the record that is damaged. */
  get position(): number {
    return this.#position[0]!;
  }
}

/** Bytes of the header of a capture file, and of each record that captureWrite writes. */
export const FILE_HEADER = 24;
export const RECORD_HEADER = 16;

/** The header of a pcap file of raw IPv4 packets (LINKTYPE_RAW), in this machine's byte order as the records are. */
export function captureHeader(nanoseconds: boolean): Uint8Array {
  const header = new ArrayBuffer(FILE_HEADER);
  const [words, halves] = [new Uint32Array(header), new Uint16Array(header)];
  words[0] = nanoseconds ? 0xa1b23c4d : 0xa1b2c3d4;
  halves.set([2, 4], 2);
  words[4] = 65_535;
  words[5] = 101;
  return new Uint8Array(header);
}

/**
 * Writes the packets of a batch as records behind the header.
 * @param into has room for RECORD_HEADER and a slot for each
 * @returns the bytes written.
 */
export function captureRecords(packets: Packets, batch: Batch, nanoseconds: boolean, into: Uint8Array): number {
  return native.captureWrite(packets.bytes, batch.rows, batch.count, nanoseconds, into);
}
