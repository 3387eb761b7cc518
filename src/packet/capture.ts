import { closeSync, openSync, readSync } from 'node:fs';
import { native } from '../native/addon.js';
import { CAPTURE_CHUNK, CAPTURE_RESULT, CAPTURE_STATUS, type CaptureStatus } from '../native/capture.js';
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

/**
 * Bytes read from the file at once: few enough to stay in the processor's cache until they are packets. A file that is mapped into memory
 * is not copied twice, but to map and unmap it page by page takes as long.
 */
const CHUNK = 128 * 1024;

/** A capture that is opened by its name, pcap or pcapng. */
export class CaptureFile {
  readonly reader = new CaptureReader();
  /** Whether nothing more comes. */
  ended = false;
  private readonly name: string;
  private fd: number;
  private readonly buffer = new Uint8Array(CAPTURE_CHUNK + CHUNK);
  /** What of the buffer is still to be read. */
  private from = 0;
  private to = 0;

  /** @param name `-` is standard input. @throws {Error} if it cannot be opened */
  constructor(name: string) {
    this.name = name;
    this.fd = name === '-' ? 0 : openSync(name, 'r');
  }

  /**
   * Takes rows for the next packets, at most `most`, and adds them to the batch: at least one, unless it has ended.
   * @throws {Error} once, if it is damaged or cannot be read: then it has ended, and the message names the offset
   */
  read(packets: Packets, batch: Batch, most: number): void {
    const { reader } = this;
    const before = batch.count;
    while (!this.ended && batch.count === before) {
      // What the last read left, if anything, is no whole record.
      const more = reader.status !== 'more' || this.fill();
      if (!more && this.from < this.to) this.fail('it ends inside of a record');
      if (!more) this.ended = true;
      else this.from += reader.read(this.buffer.subarray(this.from, this.to), packets, batch, most);
      // Packets before the damage have come with it, if there are some, and the next read finds it again.
      if (batch.count === before && reader.damage !== undefined) this.fail(reader.damage);
    }
  }

  /** False if nothing more comes. */
  private fill(): boolean {
    this.buffer.copyWithin(0, this.from, this.to);
    this.to -= this.from;
    this.from = 0;
    try {
      const count = readSync(this.fd, this.buffer, this.to, CHUNK, null);
      this.to += count;
      return count > 0;
    } catch (error) {
      return this.fail((error as Error).message);
    }
  }

  private fail(message: string): never {
    this.ended = true;
    throw new Error(`${this.name}: at offset ${this.reader.position}: ${message}`);
  }

  /** May be called again. */
  close(): void {
    if (this.fd > 0) closeSync(this.fd);
    this.fd = -1;
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
