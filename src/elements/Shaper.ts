import { ShapedQueue, shaperSpec } from '../pipeline/shaped.js';
import { rate } from '../pipeline/values.js';

const spec = shaperSpec('lets at most so many packets per second pass, and keeps the others waiting', 'packets', rate);

/**
 * In Click a Shaper slows down the puller in front of a Queue. Here packets are pushed, so a Shaper has a bounded
 * queue of its own, and no Queue is needed before it. Packets leave evenly spaced; after a delay of the whole
 * process the ones that are overdue leave together, so that the rate is kept over time.
 *
 * @example
 *   FromDump(in.pcap) -> Shaper(1000, CAPACITY 5000) -> Discard;
 */
export class Shaper extends ShapedQueue {
  static readonly spec = spec;

  protected override cost(): number {
    return 1;
  }
}
