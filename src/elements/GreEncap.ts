import type { Batch } from '../packet/batch.js';
import { encapsulate, makeTunnel, type Tunnel } from '../packet/tunnel.js';
import { Element, type Setup } from '../pipeline/element.js';
import { faultDrops, passSound } from '../pipeline/faulty.js';
import type { Spec } from '../pipeline/spec.js';
import { address, boolean, count, optional, positional } from '../pipeline/values.js';

const spec = {
  summary: 'puts packets into GRE',
  inputs: { in: 'IPv4 packets' },
  outputs: { out: 'IPv4 packets of protocol 47' },
  config: {
    src: positional(address(undefined, 'The outer source.')),
    dst: positional(address(undefined, 'The outer destination.')),
    key: optional(count(undefined, 'The key to send (RFC 2890); none if it is not given.')),
    checksum: boolean(false, 'Whether to send GRE checksums.'),
    sequence: boolean(false, 'Whether to send sequence numbers, from 0.'),
  },
  drops: faultDrops('oversize', 'ip-truncated', 'ip-total-length'),
  effect: 'wraps',
  workers: ({ sequence }: { readonly sequence: boolean }) =>
    sequence ? 'SEQUENCE numbers the packets of one worker' : undefined,
} as const satisfies Spec;

/**
 * RFC 2784 and RFC 2890. The outer header forbids fragmentation, as the tunnel must not fragment.
 *
 * @example
 *   FromDump(in.pcap) -> CheckIPHeader -> GreEncap(192.0.2.1, 192.0.2.2) -> ToDump(out.pcap);
 */
export class GreEncap extends Element<typeof spec> {
  static readonly spec = spec;
  private readonly tunnel: Tunnel;

  constructor(setup: Setup<typeof spec>) {
    super(setup);
    const { src, dst, key, checksum, sequence } = this.config;
    this.tunnel = makeTunnel({ local: src, remote: dst, checksum, sequence, ...(key === undefined ? {} : { key }) });
  }

  override push(batch: Batch): void {
    const faulty = encapsulate(this.packets, batch, this.tunnel);
    if (faulty === 0) this.out.out.moveAll(batch);
    else passSound(this.packets, batch, this.drops, this.out.out);
  }
}
