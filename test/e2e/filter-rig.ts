/** Two namespaces in which the kernel's filter is tried, and packets for it. */
import type { Test } from 'tap';
import { listTable, nft } from '../../src/control/filter/nft.js';
import { type FilterPlan, PASSED, REASONS, type TunnelFacts, UNNOTED } from '../../src/control/filter/plan.js';
import { rulesetText } from '../../src/control/filter/ruleset.js';
import { native } from '../../src/native/addon.js';
import type { NativeDevice } from '../../src/native/device.js';
import { Batch } from '../../src/packet/batch.js';
import { BATCH } from '../../src/packet/columns.js';
import { Packets } from '../../src/packet/packets.js';
import { ALL } from '../../src/packet/spread.js';
import { encapsulate, makeTunnel } from '../../src/packet/tunnel.js';
import { craft } from '../unit/craft.js';
import { BOXES, CLONE, SERVER } from './filter-cases.js';
import { Pair } from './netns.js';
import { add } from './packets.js';

const QUIET = { tcp: 60, udp: 60, echo: 60 };
const table = new Packets();
const [TCP, UDP] = [6, 17];
/** Whose packets are markers. */
const MARKER = 0xc63364fa;

/** A packet in GRE, or as it is. */
export function wrapped(bytes: Uint8Array, facts: TunnelFacts | undefined): Uint8Array {
  table.reset();
  const row = add(table, bytes);
  const batch = new Batch();
  batch.add(row);
  if (facts) {
    const { key, ...rest } = facts;
    encapsulate(table, batch, makeTunnel({ ...rest, ...(key !== undefined && { key }) }));
  }
  return table.packet(row).slice();
}

/**
 * Two namespaces: the right one is the gateway's, though no gateway is there, and the left one is all that is outside.
 * Both can send whatever IPv4 packet they like.
 */
export class Wire {
  readonly pair = new Pair();
  private readonly devices: NativeDevice[] = [];
  private readonly left: NativeDevice;
  private readonly right: NativeDevice;
  private readonly sniffer: NativeDevice;
  private readonly heard: string[] = [];
  /** Packets of its own by which it sees that others must have arrived, and their number. */
  private readonly sent = new Set<string>();
  private markers = 20_000;
  private tunnel: TunnelFacts | undefined;

  constructor(t: Test) {
    t.teardown(() => {
      for (const device of this.devices) device.close();
      this.pair.remove();
    });
    const open = (device: NativeDevice) => {
      this.devices.push(device);
      return device;
    };
    const { left, right, name } = this.pair;
    native.enterNamespace(left);
    this.left = open(native.openLink(name, Uint8Array.of(2, 0, 0, 0, 0, 2)));
    const ring = { interface: name, protocol: 0, local: 0, blockBytes: 1 << 18, blocks: 16, retire: 0, ...ALL };
    this.sniffer = open(native.openRing(ring));
    // From here on nft and ping run there.
    native.enterNamespace(right);
    this.right = open(native.openLink(name, Uint8Array.of(2, 0, 0, 0, 0, 1)));
  }

  /** Puts a filter into force, with the ceiling of the cases. */
  load(tunnel: TunnelFacts | undefined, change: Partial<FilterPlan> = {}): Promise<string> {
    this.tunnel = tunnel;
    const place = { device: this.pair.name, ethernet: true, ...(tunnel && { tunnel }) };
    const plan = {
      whole: true,
      exits: [{ ...place, boxes: BOXES }],
      entrances: [place],
      questions: [],
      own: [],
      quiet: QUIET,
    };
    return nft(['-f', '-'], rulesetText({ ...plan, ...change }));
  }

  /** Sends from outside: a table's worth of packets at most. */
  outside(...packets: Uint8Array[]): void {
    send(this.left, packets);
  }

  /** Sends from the gateway's side. */
  inside(...packets: Uint8Array[]): void {
    send(this.right, packets);
  }

  /** What has arrived outside since the last call, of all that was sent from inside until now. */
  async arrived(): Promise<string[]> {
    const marker = this.marker(craft({ proto: TCP, src: CLONE, dst: SERVER, sport: this.markers++, dport: 80 }));
    this.inside(marker);
    const packets = await this.until(marker);
    return packets.filter((packet) => !this.sent.has(packet));
  }

  /** Waits until all that was sent from outside has been noted. */
  async noted(): Promise<void> {
    const ports = { sport: 9, dport: this.markers++ };
    const { tunnel } = this;
    const contact = craft({ proto: UDP, src: MARKER, dst: CLONE, ...ports });
    this.outside(wrapped(contact, tunnel && { ...tunnel, local: tunnel.remote, remote: tunnel.local }));
    const answer = this.marker(craft({ proto: UDP, src: CLONE, dst: MARKER, sport: ports.dport, dport: ports.sport }));
    await this.until(answer, () => this.inside(answer));
  }

  private marker(packet: Uint8Array): Uint8Array {
    const marker = wrapped(packet, this.tunnel);
    this.sent.add(Buffer.from(marker).toString('hex'));
    return marker;
  }

  /** What has arrived so far, in hexadecimal. */
  take(): string[] {
    this.receive();
    return this.heard.splice(0);
  }

  private receive(): void {
    for (let count = BATCH; count === BATCH; ) {
      table.reset();
      count = this.sniffer.receive(table.bytes, 0, BATCH);
      for (let row = 0; row < count; row++)
        if (table.fault[row] === 0) this.heard.push(Buffer.from(table.packet(row)).toString('hex'));
    }
  }

  /** Receives until a packet has arrived, and what came before it: a busy kernel may take its time. */
  private async until(last: Uint8Array, again = () => {}): Promise<string[]> {
    const awaited = Buffer.from(last).toString('hex');
    for (let round = 0; round < 500; round++) {
      again();
      this.receive();
      const end = this.heard.indexOf(awaited);
      if (end >= 0) return this.heard.splice(0, end + 1);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    throw new Error('what must pass does not arrive');
  }

  /** Packets that the kernel has counted, by reason. */
  async counted(): Promise<Record<string, number>> {
    const { counters } = await listTable();
    return Object.fromEntries(
      [...Object.keys(REASONS), PASSED, UNNOTED].map((name) => [name, counters.get(name) ?? -1]),
    );
  }
}

function send(device: NativeDevice, packets: readonly Uint8Array[]): void {
  table.reset();
  device.send(
    table.bytes,
    Uint16Array.from(packets, (bytes) => add(table, bytes)),
    packets.length,
  );
}
