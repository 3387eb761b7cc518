import { meterSpec, RateSwitch } from '../pipeline/metering.js';
import { bandwidth } from '../pipeline/values.js';

const spec = meterSpec('chooses an output by the rate of bytes', 'bytes', bandwidth);

/**
 * A Meter that counts bytes of IP packets, link framing not included.
 *
 * @example
 *   FromDump(in.pcap) -> m :: BandwidthMeter(20kBps);
 *   m[0] -> Counter -> Discard; m[1] -> Discard;
 */
export class BandwidthMeter extends RateSwitch {
  static readonly spec = spec;

  protected override amount(length: number): number {
    return length;
  }
}
