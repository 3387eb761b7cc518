import { ShapedQueue, shaperSpec } from '../pipeline/shaped.js';
import { bandwidth } from '../pipeline/values.js';

const spec = shaperSpec('lets at most so many bytes per second pass, and keeps the others waiting', 'bytes', bandwidth);

/**
 * A Shaper that counts bytes of IP packets, link framing not included. Like it, and unlike Click's, it has a bounded
 * queue of its own.
 *
 * @example
 *   FromDump(in.pcap) -> BandwidthShaper(1MBps) -> Discard;
 */
export class BandwidthShaper extends ShapedQueue {
  static readonly spec = spec;

  protected override cost(length: number): number {
    return length;
  }
}
