import { unplayable } from '../packet/address.js';
import type { Batch } from '../packet/batch.js';
import { Element } from '../pipeline/element.js';
import type { Spec } from '../pipeline/spec.js';
import { count } from '../pipeline/values.js';

const spec = {
  summary: 'sends what may not leave back into the farm, where another clone plays its target',
  inputs: { in: 'packets of clones that are to be reflected' },
  outputs: { out: 'the same packets, as they would arrive at their target' },
  config: { hops: count(9, 'Routers the packet seems to have passed.', { max: 255 }) },
  drops: {
    unplayable: 'no machine can have its destination: multicast, broadcast, loopback or reserved',
    'to-self': 'its destination is its source',
    ttl: 'its time to live ended on the way',
  },
} as const satisfies Spec;

/**
 * The honeyfarm plays the Internet: a packet for an address outside comes back from the outside, in the same
 * universe, so that an infection goes on from clone to clone and nobody is harmed. Its TTL falls as on a real way.
 *
 * @example
 *   farm :: CloneFarm -> CheckIPHeader -> [inside] flows :: FlowTable;
 *   FromDump(in.pcap) -> CheckIPHeader -> [outside] flows;
 *   flows[known] -> farm;
 *   flows[new] -> UniverseTagger -> bind :: Dispatcher(MAP addresses.map) -> farm;
 *   flows[stray] -> Discard;
 *   flows[inside] -> Reflector -> bind;
 */
export class Reflector extends Element<typeof spec> {
  static readonly spec = spec;

  override push(batch: Batch): void {
    const { packets } = this;
    for (let i = 0; i < batch.count; i++) {
      const row = batch.rows[i]!;
      const dst = packets.dst[row]!;
      if (unplayable(dst)) this.drops.unplayable.add(row);
      else if (dst === packets.src[row]!) this.drops['to-self'].add(row);
      else if (!this.hop(row)) this.drops.ttl.add(row);
      else this.out.out.add(row);
    }
  }

  /** Takes HOPS off the TTL, and mends the header checksum (RFC 1624, equation 3). */
  private hop(row: number): boolean {
    const { view, start } = this.packets;
    const at = start[row]! + 8;
    const before = view.getUint16(at);
    if (before >>> 8 <= this.config.hops) return false;
    const after = before - (this.config.hops << 8);
    let sum = (~view.getUint16(at + 2) & 0xffff) + (~before & 0xffff) + after;
    sum = (sum & 0xffff) + (sum >>> 16);
    sum = (sum & 0xffff) + (sum >>> 16);
    view.setUint16(at, after);
    view.setUint16(at + 2, ~sum & 0xffff);
    return true;
  }
}
