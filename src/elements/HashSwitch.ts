import type { Batch } from '../packet/batch.js';
import { MAX_PACKET } from '../packet/columns.js';
import { Element } from '../pipeline/element.js';
import { anyPorts, type Spec } from '../pipeline/spec.js';
import { count, positional } from '../pipeline/values.js';

const spec = {
  summary: 'chooses an output by a hash of some bytes of the packet',
  inputs: { in: 'packets' },
  outputs: anyPorts('packets whose bytes hash to it; on output 0 also those that are too short'),
  config: {
    offset: positional(count(undefined, 'First byte, counted from the IP header.', { max: MAX_PACKET })),
    length: positional(count(undefined, 'How many bytes.', { min: 1, max: MAX_PACKET })),
  },
  drops: { unconnected: 'no output is connected' },
  workers: 'each',
} as const satisfies Spec;

/**
 * Packets that agree in these bytes stay together: HashSwitch(16, 4) keeps those to one IP destination on one
 * output.
 *
 * @example
 *   FromDump(in.pcap) -> s :: HashSwitch(16, 4);
 *   s[0] -> Discard; s[1] -> Discard;
 */
export class HashSwitch extends Element<typeof spec> {
  static readonly spec = spec;

  override push(batch: Batch): void {
    const { out } = this;
    if (out.length === 0) {
      this.drops.unconnected.addAll(batch);
      return;
    }
    for (let i = 0; i < batch.count; i++) {
      const row = batch.rows[i]!;
      out[this.hash(row) % out.length]!.add(row);
    }
  }

  /** FNV-1a, its high half folded in because few outputs look at the low bits only. */
  private hash(row: number): number {
    const { bytes, start, length } = this.packets;
    const from = start[row]! + this.config.offset;
    const to = from + this.config.length;
    if (to > start[row]! + length[row]!) return 0;
    let hash = 0x811c9dc5;
    for (let i = from; i < to; i++) hash = Math.imul(hash ^ bytes[i]!, 0x01000193);
    return (hash ^ (hash >>> 16)) >>> 0;
  }
}
