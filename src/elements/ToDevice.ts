import { Batch } from '../packet/batch.js';
import type { Driver } from '../packet/drivers/driver.js';
import { Element } from '../pipeline/element.js';
import { liveConfig, liveMetrics, ofEachWorker, openLive } from '../pipeline/live.js';
import type { Spec } from '../pipeline/spec.js';
import { positional, text } from '../pipeline/values.js';

const spec = {
  summary: 'sends packets out of a network interface',
  inputs: { in: 'IPv4 packets' },
  outputs: {},
  config: { device: positional(text(undefined, 'The interface.')), ...liveConfig },
  drops: { refused: 'the interface took no more packets, or is down' },
  metrics: liveMetrics,
  containment: { role: 'exit' },
  workers: ofEachWorker,
} as const satisfies Spec;

/**
 * Packets go where the kernel's routes lead from this interface. To `check` it is a way out of the gateway, so what
 * clones send reaches it only through an ExportPolicy.
 *
 * @example
 *   FromDump(in.pcap) -> CheckIPHeader -> ToDevice(eth0);
 */
export class ToDevice extends Element<typeof spec> {
  static readonly spec = spec;
  private readonly sending = new Batch();
  private driver: Driver | undefined;

  override start(): void {
    const { device, method, buffer } = this.config;
    this.driver = openLive(this, this.metrics, { interface: device, method, buffer });
  }

  override stop(): void {
    this.driver?.close();
  }

  override push(batch: Batch): void {
    const { sending } = this;
    sending.clear();
    sending.addAll(batch);
    const accepted = this.driver!.send(this.packets, sending.rows, sending.count);
    this.sent += accepted;
    for (let i = accepted; i < sending.count; i++) this.drops.refused.add(sending.rows[i]!);
  }
}
