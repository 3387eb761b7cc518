import type { Batch } from '../packet/batch.js';
import { DECAPSULATION_FAULTS } from '../packet/faults.js';
import { decapsulate, makeTunnel, type Tunnel } from '../packet/tunnel.js';
import { Element, type Setup } from '../pipeline/element.js';
import { faultDrops, passSound } from '../pipeline/faulty.js';
import type { Spec } from '../pipeline/spec.js';
import { address, boolean, count, optional } from '../pipeline/values.js';

const spec = {
  summary: 'takes packets out of GRE',
  inputs: { in: 'IPv4 packets of protocol 47' },
  outputs: { out: 'the IPv4 packets they carried; nothing of these is checked' },
  config: {
    local: optional(address(undefined, 'The outer destination; any if it is not given.')),
    remote: optional(address(undefined, 'The outer source; any if it is not given.')),
    key: optional(count(undefined, 'The key that packets must carry (RFC 2890); any, or none, if it is not given.')),
    order: boolean(false, 'Whether a packet must have a higher sequence number than the last one (RFC 2890).'),
    ethernet: boolean(false, 'Whether Ethernet frames that carry IPv4 are taken as well (protocol 0x6558).'),
    number: count(0, 'Number of the tunnel, for graphs with several.', { max: 254 }),
  },
  drops: faultDrops(...DECAPSULATION_FAULTS),
  effect: 'unwraps',
  workers: ({ order, ethernet }: { readonly order: boolean; readonly ethernet: boolean }) =>
    order
      ? 'ORDER asks for the packets of one worker'
      : ethernet
        ? 'ETHERNET: packets are not spread by addresses in Ethernet frames'
        : undefined,
} as const satisfies Spec;

/**
 * RFC 2784, with the checksum, and the key and sequence number of RFC 2890. What is not that is dropped, each for its
 * reason: version 1 (PPTP), source routes of RFC 1701, other payloads than IPv4, anything cut short.
 *
 * @example
 *   FromDump(in.pcap) -> GreDecap -> CheckIPHeader -> Counter -> Discard;
 */
export class GreDecap extends Element<typeof spec> {
  static readonly spec = spec;
  private readonly tunnel: Tunnel;

  constructor(setup: Setup<typeof spec>) {
    super(setup);
    const { local = 0, remote = 0, key, order, ethernet, number } = this.config;
    this.tunnel = makeTunnel({ local, remote, order, ethernet, number, ...(key === undefined ? {} : { key }) });
  }

  override push(batch: Batch): void {
    const bytes = decapsulate(this.packets, batch, this.tunnel);
    if (bytes >= 0) this.out.out.moveAll(batch, bytes);
    else passSound(this.packets, batch, this.drops, this.out.out);
  }
}
