import { meterSpec, RateSwitch } from '../pipeline/metering.js';
import { rate } from '../pipeline/values.js';

const spec = meterSpec('chooses an output by the rate of packets', 'packets', rate);

/**
 * The whole stream goes to the output for its present rate: below the first rate to output 0, below the second to
 * output 1, and so on. The rate is an average over about one second. Shaper, in contrast, lets the allowed part of
 * a stream pass.
 *
 * @example
 *   // gives up on a stream while it brings more than 10,000 packets per second
 *   FromDump(in.pcap) -> m :: Meter(10k);
 *   m[0] -> Counter -> Discard; m[1] -> Discard;
 */
export class Meter extends RateSwitch {
  static readonly spec = spec;

  protected override amount(): number {
    return 1;
  }
}
