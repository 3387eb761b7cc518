import type { Batch } from '../packet/batch.js';
import { checkHeaders } from '../packet/check.js';
import { CHECK_FAULTS } from '../packet/faults.js';
import { Element } from '../pipeline/element.js';
import { faultDrops, passSound } from '../pipeline/faulty.js';
import type { Spec } from '../pipeline/spec.js';
import { boolean } from '../pipeline/values.js';

const spec = {
  summary: 'passes packets whose headers are sound, and reads them',
  inputs: { in: 'packets that begin with an IPv4 header' },
  outputs: { out: 'sound packets, cut to their total length, with addresses, ports and flags read' },
  config: {
    transport: boolean(true, 'Whether TCP, UDP and ICMP must be sound as well, lengths and checksums.'),
  },
  drops: faultDrops(...CHECK_FAULTS),
  effect: 'reads',
  workers: 'each',
} as const satisfies Spec;

/**
 * What follows may rely on what it has checked: RFC 791 and RFC 1122 for IPv4, RFC 9293, 768 and 792 for what it
 * carries. Elements that ask for addresses or ports need it before them.
 *
 * @example
 *   FromDump(in.pcap) -> CheckIPHeader -> IPPrint -> Discard;
 */
export class CheckIPHeader extends Element<typeof spec> {
  static readonly spec = spec;

  override push(batch: Batch): void {
    const bytes = checkHeaders(this.packets, batch, this.config.transport);
    if (bytes >= 0) this.out.out.moveAll(batch, bytes);
    else passSound(this.packets, batch, this.drops, this.out.out);
  }
}
