import { Batch } from '../packet/batch.js';
import type { Driver } from '../packet/drivers/driver.js';
import { RECEIVE_FAULTS } from '../packet/faults.js';
import { Element } from '../pipeline/element.js';
import { faultDrops, passReceived } from '../pipeline/faulty.js';
import { liveConfig, liveMetrics, ofEachWorker, openLive } from '../pipeline/live.js';
import type { Spec } from '../pipeline/spec.js';
import { count, positional, text } from '../pipeline/values.js';

const spec = {
  summary: 'brings in the IPv4 packets that arrive at a network interface',
  inputs: {},
  outputs: { out: 'IPv4 packets without their link-layer header' },
  config: {
    device: positional(text(undefined, 'The interface.')),
    protocol: count(0, 'Only packets of this IPv4 protocol; 0 for all.', { max: 255 }),
    ...liveConfig,
  },
  drops: faultDrops(...RECEIVE_FAULTS),
  metrics: liveMetrics,
  source: 'live',
  workers: ofEachWorker,
} as const satisfies Spec;

/**
 * It sees packets as tcpdump does; the kernel handles them as well. An interface that is missing, or goes down, is an
 * error that is shown, counted and tried again.
 *
 * @example
 *   FromDevice(eth0) -> CheckIPHeader -> Counter -> Discard;
 */
export class FromDevice extends Element<typeof spec> {
  static readonly spec = spec;
  private readonly received = new Batch();
  private driver: Driver | undefined;

  override start(): void {
    const { device, method, protocol, buffer } = this.config;
    this.driver = openLive(this, this.metrics, { interface: device, method, protocol, buffer });
  }

  override stop(): void {
    this.driver?.close();
  }

  override pull(max: number): boolean {
    const rows = this.driver!.receive(this.packets, max);
    passReceived(this.packets, rows, this.drops, this.received);
    this.out.out.addAll(this.received);
    return rows === max;
  }
}
