import { closeSync, openSync, writeFileSync } from 'node:fs';
import type { Batch } from '../packet/batch.js';
import { describePacket } from '../packet/describe.js';
import { asciiDump, formatTimestamp, hexDump } from '../packet/dump.js';
import { Element } from '../pipeline/element.js';
import { Printer } from '../pipeline/printer.js';
import type { Spec } from '../pipeline/spec.js';
import { boolean, choice, file, limit, optional, positional, text } from '../pipeline/values.js';

const spec = {
  summary: 'prints a line about each packet, in the manner of tcpdump',
  inputs: { in: 'packets' },
  outputs: { out: 'the same packets' },
  config: {
    label: positional(text('', 'What to print before each packet.')),
    contents: choice(['NONE', 'HEX', 'ASCII'], 'NONE', 'Whether and how to print the bytes of the packet.'),
    payload: choice(['NONE', 'HEX', 'ASCII'], 'NONE', 'The same for its payload alone, what follows the IP header.'),
    maxlength: limit(1500, 'Bytes of these to print; -1 for all.'),
    id: boolean(false, 'Whether to print the IP identification.'),
    ttl: boolean(false, 'Whether to print the time to live.'),
    tos: boolean(false, 'Whether to print the type of service.'),
    length: boolean(false, 'Whether to print the IP length.'),
    timestamp: boolean(true, 'Whether to print when it arrived, in seconds since 1970.'),
    paint: boolean(false, 'Whether to print its color.'),
    swap: boolean(false, 'Whether to read ICMP identifiers and sequence numbers in the other byte order.'),
    active: boolean(true, 'Whether to print at all.'),
    outfile: optional(file(undefined, 'Print to this file instead of standard error.')),
  },
  validate: ({ contents, payload }) =>
    contents !== 'NONE' && payload !== 'NONE' ? 'give one of CONTENTS and PAYLOAD' : undefined,
  drops: {},
  handlers: { active: { read: 'whether it prints', write: 'true or false' } },
  workers: 'each',
} as const satisfies Spec;

/**
 * Time, addresses, ports, TCP flags, sequence numbers, and in brackets the bytes of data, of the packet, and of its
 * IP payload. All elements that print to standard error share a bound on lines per second; a file gets them all.
 *
 * @example
 *   FromDump(in.pcap) -> IPPrint(arrived, TTL true) -> Discard;
 */
export class IPPrint extends Element<typeof spec> {
  static readonly spec = spec;
  private readonly printer = this.services.shared(Printer);
  private active = this.config.active;
  private fd: number | undefined;
  private pending: string[] = [];

  override start(): void {
    if (this.config.outfile !== undefined) this.fd = openSync(this.config.outfile, 'w');
  }

  override stop(): void {
    if (this.fd === undefined) return;
    this.settle();
    closeSync(this.fd);
    this.fd = undefined;
  }

  override push(batch: Batch): void {
    const toFile = this.config.outfile !== undefined;
    for (let i = 0; this.active && i < batch.count; i++) {
      if (toFile) this.pending.push(this.describe(batch.rows[i]!));
      else if (this.printer.admits()) this.printer.write(this.describe(batch.rows[i]!));
    }
    this.out.out.addAll(batch);
  }

  override settle(): void {
    if (this.pending.length === 0 || this.fd === undefined) return;
    try {
      writeFileSync(this.fd, this.pending.join(''));
    } catch (error) {
      // A full disk stops the printing, not the packets.
      this.active = false;
      this.services.event({ kind: 'error', element: this.name, message: (error as Error).message });
    }
    this.pending = [];
  }

  private describe(row: number): string {
    const { packets, config } = this;
    const bytes = packets.packet(row);
    const head = [
      ...(config.label === '' ? [] : [config.label]),
      ...(config.timestamp ? [formatTimestamp(packets.sec[row]!, packets.nsec[row]!)] : []),
    ];
    const paint = config.paint ? `paint ${packets.paint[row]} ` : '';
    const line = [...head, paint + describePacket(bytes, config)].join(': ');
    const style = config.contents === 'NONE' ? config.payload : config.contents;
    if (style === 'NONE') return `${line}\n`;
    const from = config.contents === 'NONE' ? Math.min(bytes.length, (bytes[0]! & 15) * 4) : 0;
    const shown = bytes.subarray(from, from + Math.min(bytes.length, config.maxlength));
    const width = style === 'HEX' ? 24 : 48;
    const lines = Array.from({ length: Math.ceil(shown.length / width) }, (_, i) => {
      const part = shown.subarray(i * width, (i + 1) * width);
      return `  ${style === 'HEX' ? hexDump(part) : asciiDump(part)}\n`;
    });
    return `${line}\n${lines.join('')}`;
  }

  override handlers() {
    return {
      active: {
        read: () => String(this.active),
        write: (value: string) => {
          this.active = spec.config.active.parse(value.trim(), { folder: '.' });
        },
      },
    };
  }
}
