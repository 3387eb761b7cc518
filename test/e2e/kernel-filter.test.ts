import t, { type Test } from 'tap';
import { nft, readListing } from '../../src/control/filter/nft.js';
import { type FilterPlan, REASONS, TABLE, type TunnelFacts } from '../../src/control/filter/plan.js';
import { rulesetText } from '../../src/control/filter/ruleset.js';
import { native } from '../../src/native/addon.js';
import type { NativeDevice } from '../../src/native/device.js';
import { Batch } from '../../src/packet/batch.js';
import { BATCH } from '../../src/packet/columns.js';
import { Packets } from '../../src/packet/packets.js';
import { encapsulate, makeTunnel } from '../../src/packet/tunnel.js';
import { BOXES, CASES, CONTACTS } from './filter-cases.js';
import { noNamespaces, Pair } from './netns.js';
import { LEFT, RIGHT } from './packets.js';

const skip = noNamespaces;
if (skip) console.error(`SKIPPED: the kernel's filter: ${skip}`);

const QUIET = { tcp: 60, udp: 60, echo: 60 };
const table = new Packets();

/** A packet in GRE, or as it is. */
function wrapped(bytes: Uint8Array, facts: TunnelFacts | undefined): Uint8Array {
  table.reset();
  const row = table.take();
  table.bytes.set(bytes, table.start[row]!);
  table.length[row] = bytes.length;
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
class Wire {
  readonly pair = new Pair();
  private readonly devices: NativeDevice[] = [];
  private readonly left: NativeDevice;
  private readonly right: NativeDevice;
  private readonly sniffer: NativeDevice;

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
    const ring = { interface: name, protocol: 0, local: 0, blockBytes: 1 << 18, blocks: 16, retire: 0 };
    this.sniffer = open(native.openRing(ring));
    // From here on nft and ping run there.
    native.enterNamespace(right);
    this.right = open(native.openLink(name, Uint8Array.of(2, 0, 0, 0, 0, 1)));
  }

  /** Puts a filter into force, with the ceiling of the cases. */
  load(tunnel: TunnelFacts | undefined, change: Partial<FilterPlan> = {}): Promise<string> {
    const place = { device: this.pair.name, ethernet: true, ...(tunnel && { tunnel }) };
    const plan = { whole: true, exits: [{ ...place, boxes: BOXES }], entrances: [place], quiet: QUIET };
    return nft(['-f', '-'], rulesetText({ ...plan, ...change }));
  }

  outside(bytes: Uint8Array): void {
    this.send(this.left, bytes);
  }

  inside(bytes: Uint8Array): void {
    this.send(this.right, bytes);
  }

  /** What has arrived outside since the last call. A veth carries packets before send returns. */
  arrived(): string[] {
    const packets: string[] = [];
    for (;;) {
      table.reset();
      const count = this.sniffer.receive(table.bytes, 0, BATCH);
      for (let row = 0; row < count; row++) packets.push(Buffer.from(table.packet(row)).toString('hex'));
      if (count < BATCH) return packets;
    }
  }

  async dropped(): Promise<Record<string, number>> {
    const { counters } = readListing(await nft(['-j', '-t', 'list', 'table', 'netdev', TABLE]));
    return Object.fromEntries(Object.keys(REASONS).map((name) => [name, counters.get(name) ?? -1]));
  }

  private send(device: NativeDevice, bytes: Uint8Array): void {
    table.reset();
    const row = table.take();
    table.bytes.set(bytes, table.start[row]!);
    table.length[row] = bytes.length;
    device.send(table.bytes, Uint16Array.of(row), 1);
  }
}

const ends = { local: RIGHT, remote: LEFT };
const KEY = 0xdeadbeef;
const WAYS: Readonly<Record<string, TunnelFacts | undefined>> = {
  'plain IPv4': undefined,
  GRE: { ...ends, checksum: false, sequence: false },
  'GRE with a key': { ...ends, key: KEY, checksum: false, sequence: false },
  'GRE with a checksum': { ...ends, checksum: true, sequence: false },
  'GRE with sequence numbers': { ...ends, checksum: false, sequence: true },
  'GRE with everything': { ...ends, key: KEY, checksum: true, sequence: true },
};

for (const [way, tunnel] of Object.entries(WAYS)) {
  t.test(`${way}: this layer alone lets out what it must, and no more`, { skip }, async (t) => {
    const wire = new Wire(t);
    await wire.load(tunnel);
    const back = tunnel && { ...tunnel, local: tunnel.remote, remote: tunnel.local };
    for (const { packet } of Object.values(CASES)) {
      // Before anybody has contacted a clone no answer leaves; fragments are left out, since they would be remembered.
      if ((packet[6]! & 0x3f) === 0 && packet[9] === 17) wire.inside(wrapped(packet, tunnel));
    }
    t.same(wire.arrived(), [], 'nobody is answered who has not asked');

    for (const packet of CONTACTS) wire.outside(wrapped(packet, back));
    const before = await wire.dropped();
    for (const [name, { packet, reason }] of Object.entries(CASES)) {
      const sent = wrapped(packet, tunnel);
      wire.inside(sent);
      t.same(
        wire.arrived(),
        reason ? [] : [Buffer.from(sent).toString('hex')],
        `${reason ? 'stops' : 'lets out'} ${name}`,
      );
    }
    const after = await wire.dropped();
    for (const reason of Object.keys(REASONS)) {
      const expected = Object.values(CASES).filter((each) => each.reason === reason).length;
      t.equal(after[reason]! - before[reason]!, expected, `${expected} are counted: ${reason}`);
    }
  });
}
