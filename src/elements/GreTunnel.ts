import { formatAddress } from '../packet/address.js';
import { Batch } from '../packet/batch.js';
import type { Driver, Method } from '../packet/drivers/driver.js';
import { interfaceWith, mtuOf } from '../packet/drivers/interfaces.js';
import { DECAPSULATION_FAULTS, RECEIVE_FAULTS } from '../packet/faults.js';
import { PROTOCOL } from '../packet/protocol.js';
import { decapsulate, encapsulate, makeTunnel, restartTunnel, type Tunnel } from '../packet/tunnel.js';
import { Element, type Setup } from '../pipeline/element.js';
import { faultDrops, passReceived, passSound } from '../pipeline/faulty.js';
import { liveConfig, liveMetrics, ofEachWorker, openLive } from '../pipeline/live.js';
import type { Spec } from '../pipeline/spec.js';
import { address, boolean, count, optional, text } from '../pipeline/values.js';

const spec = {
  summary: 'is our end of a GRE tunnel',
  inputs: { in: 'IPv4 packets to send through the tunnel' },
  outputs: { out: 'IPv4 packets that came through it; nothing of these is checked' },
  config: {
    local: address(undefined, 'Our address.'),
    remote: address(undefined, 'The router’s address. What comes from another is dropped.'),
    device: optional(text(undefined, 'The interface; the one that has the address LOCAL if it is not given.')),
    key: optional(
      count(undefined, 'The key of all packets, both ways (RFC 2890); any is taken and none sent without.'),
    ),
    checksum: boolean(false, 'Whether to send GRE checksums. Those received are always verified.'),
    sequence: boolean(false, 'Whether to send sequence numbers, and drop what comes late.'),
    number: count(0, 'Number of the tunnel, for graphs with several.', { max: 254 }),
    mtu: optional(
      count(
        undefined,
        'The longest packet that fits the way to the router, outer headers included; that of the interface if it is not given.',
        { min: 68 },
      ),
    ),
    ...liveConfig,
  },
  drops: {
    ...faultDrops(...RECEIVE_FAULTS, ...DECAPSULATION_FAULTS),
    unroutable: 'no host outside can have its destination: multicast, reserved, loopback, or an end of this tunnel',
    'too-big': 'with its outer headers it is longer than MTU',
    refused: 'the interface took no more packets, or is down',
  },
  metrics: liveMetrics,
  source: 'live',
  decoupled: true,
  containment: { role: 'exit' },
  workers: (config: { readonly sequence: boolean; readonly method: Method }) =>
    config.sequence ? 'SEQUENCE numbers the packets of one worker' : ofEachWorker(config),
} as const satisfies Spec;

/** Where the interface is not there yet. */
const ETHERNET_MTU = 1500;

/** Seconds between two looks at whether the router has started again. */
const ROUND = 2;

/**
 * RFC 2784 with the key, checksum and sequence number of RFC 2890, straight from and to a network interface. While it
 * runs the kernel leaves protocol 47 to it and answers nothing itself.
 *
 * An interface that is missing, or goes down, is an error that is shown, counted and tried again.
 *
 * @example
 *   tunnel :: GreTunnel(LOCAL 192.0.2.2, REMOTE 192.0.2.1) -> CheckIPHeader -> Counter -> Discard;
 *   Idle -> tunnel;
 */
export class GreTunnel extends Element<typeof spec> {
  static readonly spec = spec;
  private readonly tunnel: Tunnel;
  private readonly received = new Batch();
  private readonly routable = new Batch();
  private driver: Driver | undefined;
  private mtu = 0;
  /** Packets that came out of the tunnel, and those refused as late, when last looked at. */
  private accepted = 0;
  private lookedAt = { accepted: 0, late: 0 };

  constructor(setup: Setup<typeof spec>) {
    super(setup);
    const { local, remote, key, checksum, sequence, number } = this.config;
    const options = { local, remote, checksum, sequence, order: sequence, number };
    this.tunnel = makeTunnel(key === undefined ? options : { ...options, key });
  }

  override start(): void {
    const { local, method, buffer } = this.config;
    const device = this.config.device ?? interfaceWith(local);
    if (device === undefined) throw new Error(`no interface has the address ${formatAddress(local)} (LOCAL)`);
    this.mtu = this.config.mtu ?? mtuOf(device) ?? ETHERNET_MTU;
    this.driver = openLive(this, this.metrics, { interface: device, method, protocol: PROTOCOL.gre, local, buffer });
    this.services.clock.every(ROUND, () => this.resynchronize());
  }

  /**
   * A router that starts again numbers its packets from 0, and all of them seem late. When nothing but late packets came
   * for a while, the next one is believed.
   */
  private resynchronize(): void {
    const now = { accepted: this.accepted, late: this.drops['gre-sequence'].rows };
    if (now.accepted === this.lookedAt.accepted && now.late > this.lookedAt.late) restartTunnel(this.tunnel);
    this.lookedAt = now;
  }

  override stop(): void {
    this.driver?.close();
  }

  override pull(max: number): boolean {
    const { packets, received } = this;
    const rows = this.driver!.receive(packets, max);
    passReceived(packets, rows, this.drops, received);
    const bytes = decapsulate(packets, received, this.tunnel);
    this.accepted += received.count + Math.min(0, bytes);
    if (bytes >= 0) this.out.out.moveAll(received, bytes);
    else passSound(packets, received, this.drops, this.out.out);
    return rows === max;
  }

  override push(batch: Batch): void {
    const { packets, routable } = this;
    routable.clear();
    for (let i = 0; i < batch.count; i++) {
      const row = batch.rows[i]!;
      if (this.isRoutable(packets.view.getUint32(packets.start[row]! + 16))) routable.add(row);
      else this.drops.unroutable.add(row);
    }
    const sound = this.received;
    sound.clear();
    const faulty = encapsulate(packets, routable, this.tunnel);
    if (faulty === 0) sound.addAll(routable);
    else passSound(packets, routable, this.drops, sound);
    this.send(sound);
  }

  /** An answer to a forged source must reach neither a whole network nor the gateway itself. */
  private isRoutable(destination: number): boolean {
    const { local, remote } = this.config;
    const first = destination >>> 24;
    return first !== 0 && first !== 127 && first < 224 && destination !== local && destination !== remote;
  }

  private send(batch: Batch): void {
    const { packets, mtu } = this;
    let kept = 0;
    for (let i = 0; i < batch.count; i++) {
      const row = batch.rows[i]!;
      if (packets.length[row]! > mtu) this.drops['too-big'].add(row);
      else batch.rows[kept++] = row;
    }
    batch.count = kept;
    const accepted = this.driver!.send(packets, batch.rows, kept);
    this.sent += accepted;
    for (let i = accepted; i < kept; i++) this.drops.refused.add(batch.rows[i]!);
  }
}
