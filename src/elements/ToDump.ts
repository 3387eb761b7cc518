import { closeSync, ftruncateSync, openSync, writeSync } from 'node:fs';
import type { Batch } from '../packet/batch.js';
import { captureHeader, captureRecords, RECORD_HEADER } from '../packet/capture.js';
import { ROWS, SLOT } from '../packet/columns.js';
import { Element } from '../pipeline/element.js';
import { anyPorts, type Spec } from '../pipeline/spec.js';
import { boolean, file, positional } from '../pipeline/values.js';

const spec = {
  summary: 'writes packets to a capture file',
  inputs: { in: 'IPv4 packets' },
  outputs: anyPorts('the same packets, if it is connected'),
  config: {
    filename: positional(file(undefined, 'The capture; it is made anew. - is standard output.')),
    nano: boolean(true, 'Whether times are in nanoseconds, or microseconds as in older files.'),
  },
  drops: { stopped: 'writing has failed before, so the capture has ended' },
  handlers: { count: { read: 'packets written' } },
  effect: 'records',
  workers: () => 'a file is written by one worker',
} as const satisfies Spec;

/** Bytes that are gathered before they are written; there is always room for a whole batch more. */
const GATHER = 256 * 1024;
const ROOM = ROWS * (SLOT + RECORD_HEADER);

/** Seconds after which what was gathered is written in any case. */
const ROUND = 0.5;

/**
 * Writes pcap with link type RAW, which every tool reads. When a write fails, because the disk is full for example, the
 * capture is cut after its last whole packet and ends with an error; the graph goes on.
 *
 * @example
 *   FromDump(in.pcap) -> GreDecap -> CheckIPHeader -> ToDump(out.pcap);
 */
export class ToDump extends Element<typeof spec> {
  static readonly spec = spec;
  private readonly buffer = new Uint8Array(GATHER + ROOM);
  private gathered = 0;
  /** Bytes of the file that are whole packets. */
  private written = 0;
  private count = 0;
  private fd = -1;

  override start(): void {
    const { filename, nano } = this.config;
    try {
      this.fd = filename === '-' ? 1 : openSync(filename, 'w', 0o600);
    } catch (error) {
      throw new Error(`cannot write the capture: ${(error as Error).message}`);
    }
    this.buffer.set(captureHeader(nano));
    this.gathered = captureHeader(nano).length;
    this.services.clock.every(ROUND, () => this.flush());
  }

  override stop(): void {
    this.flush();
    if (this.fd > 1) closeSync(this.fd);
    this.fd = -1;
  }

  override push(batch: Batch): void {
    if (this.fd < 0) {
      this.drops.stopped.addAll(batch);
      return;
    }
    const into = this.buffer.subarray(this.gathered);
    this.gathered += captureRecords(this.packets, batch, this.config.nano, into);
    this.count += batch.count;
    if (this.gathered >= GATHER) this.flush();
    if (this.out.length > 0) this.out[0]!.addAll(batch);
    else this.sent += batch.count;
  }

  private flush(): void {
    if (this.fd < 0) return;
    try {
      for (let at = 0; at < this.gathered; ) at += writeSync(this.fd, this.buffer, at, this.gathered - at);
      this.written += this.gathered;
    } catch (error) {
      this.fail(error as Error);
    }
    this.gathered = 0;
  }

  private fail(error: Error): void {
    const { filename } = this.config;
    const whole = this.fd <= 1 || this.cut();
    this.fd = -1;
    const end = whole ? '' : '; what follows in the file is not whole';
    const message = `${filename}: the capture ends after ${this.written} bytes: ${error.message}${end}`;
    this.services.event({ kind: 'error', element: this.name, message });
  }

  /** Cuts the file after its last whole packet, and closes it. False if it is none that can be cut. */
  private cut(): boolean {
    try {
      ftruncateSync(this.fd, this.written);
      return true;
    } catch {
      return false;
    } finally {
      closeSync(this.fd);
    }
  }

  override handlers() {
    return { count: { read: () => String(this.count) } };
  }
}
