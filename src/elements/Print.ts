import type { Batch } from '../packet/batch.js';
import { asciiDump, formatTimestamp, hexDump } from '../packet/dump.js';
import { Element } from '../pipeline/element.js';
import { Printer } from '../pipeline/printer.js';
import type { Spec } from '../pipeline/spec.js';
import { boolean, choice, limit, positional, text } from '../pipeline/values.js';

const spec = {
  summary: 'prints the bytes of each packet',
  inputs: { in: 'packets' },
  outputs: { out: 'the same packets' },
  config: {
    label: positional(text('', 'What to print before each packet.')),
    maxlength: positional(limit(24, 'Bytes to print of a packet; -1 for all.')),
    contents: choice(['NONE', 'HEX', 'ASCII'], 'HEX', 'How to print them.'),
    timestamp: boolean(false, 'Whether to print when it arrived.'),
    active: boolean(true, 'Whether to print at all.'),
  },
  drops: {},
  handlers: { active: { read: 'whether it prints', write: 'true or false' } },
  workers: 'each',
} as const satisfies Spec;

/**
 * A line a packet on standard error: label, length, bytes. All elements that print share a bound on lines per second,
 * and what is left out is said in the next line.
 *
 * @example
 *   FromDump(in.pcap) -> Print(arrived, 40) -> Discard;
 */
export class Print extends Element<typeof spec> {
  static readonly spec = spec;
  private readonly printer = this.services.shared(Printer);
  private active = this.config.active;

  override push(batch: Batch): void {
    if (this.active) {
      for (let i = 0; i < batch.count; i++) {
        if (this.printer.admits()) this.printer.write(`${this.line(batch.rows[i]!)}\n`);
      }
    }
    this.out.out.addAll(batch);
  }

  private line(row: number): string {
    const { packets, config } = this;
    const head = [
      ...(config.label === '' ? [] : [config.label]),
      ...(config.timestamp ? [formatTimestamp(packets.sec[row]!, packets.nsec[row]!)] : []),
      String(packets.length[row]!).padStart(4),
    ].join(': ');
    if (config.contents === 'NONE') return head;
    const bytes = packets.packet(row);
    const shown = bytes.subarray(0, Math.min(bytes.length, config.maxlength));
    return `${head} | ${config.contents === 'HEX' ? hexDump(shown) : asciiDump(shown)}`;
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
