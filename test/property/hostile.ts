import { CloneFarm as RealFarm } from '../../src/elements/CloneFarm.js';
import type { AgentReport, Baseline } from '../../src/farm/agent-report.js';
import type { BackendListener, Captive, CloneBackend, Death, Identity } from '../../src/farm/backend.js';
import { ETHERNET } from '../../src/farm/wire.js';
import { type Batch, partition } from '../../src/packet/batch.js';
import type { Packets } from '../../src/packet/packets.js';
import { Element } from '../../src/pipeline/element.js';
import type { Spec } from '../../src/pipeline/spec.js';
import { address } from '../../src/pipeline/values.js';

/** A clone, as its backend knows it. */
export interface Puppet {
  readonly id: number;
  readonly address: number;
  readonly universe: number;
  alive: boolean;
}

/** Clones that do whatever a test says. */
export class HostileBackend implements CloneBackend {
  readonly puppets = new Map<number, Puppet>();
  /** Whether making a clone fails, and whether clones take no frames. */
  fails = false;
  refuses = false;
  /** Whether making one takes for ever. */
  slow = false;
  /** The address that clones have inside, if not their own. */
  inside: number | undefined;
  /** Bytes that clones have changed, by number, and what their image is like by itself. */
  readonly deltas = new Map<number, number>();
  usual: Omit<Baseline, 'allowance'> | undefined;
  /** What agents answer, if there are any. */
  onAsk: ((id: number) => Promise<AgentReport>) | undefined;
  /** How clones are made to hold still. */
  onHold: (puppet: Puppet) => Promise<Captive> = async () => ({ release() {} });
  onDeliver = (_puppet: Puppet, _packet: Buffer) => {};
  onBirth = (_puppet: Puppet, _image: number) => {};
  onEnd = (_id: number) => {};
  private readonly universeOf: (id: number) => number;
  private readonly births: number[] = [];
  private readonly frames: { id: number; frame: Uint8Array }[] = [];
  private listener!: BackendListener;

  constructor(universeOf: (id: number) => number) {
    this.universeOf = universeOf;
  }

  async start(listener: BackendListener): Promise<void> {
    this.listener = listener;
  }

  request(id: number, image: number, { address }: Identity): void {
    const puppet = { id, address, universe: this.universeOf(id), alive: false };
    this.puppets.set(id, puppet);
    this.births.push(id);
    this.onBirth(puppet, image);
  }

  owns(puppet: Puppet): boolean {
    return this.puppets.get(puppet.id) === puppet;
  }

  get alive(): Puppet[] {
    return [...this.puppets.values()].filter(({ alive }) => alive);
  }

  emit(id: number, frame: Uint8Array): void {
    this.frames.push({ id, frame });
  }

  /** A clone ends by itself. */
  die(id: number, how: Death = 'died'): void {
    this.listener.gone(id, 'crashed', how);
  }

  insideAddress(): number | undefined {
    return this.inside;
  }

  deliver(packets: Packets, rows: Uint16Array, count: number): number {
    return partition(rows, count, (row) => {
      const puppet = this.puppets.get(packets.clone[row]!);
      if (!puppet) return false;
      this.onDeliver(puppet, Buffer.from(packets.packet(row).subarray(ETHERNET)));
      return !this.refuses;
    });
  }

  collect(packets: Packets, max: number): number {
    for (const id of this.births.splice(0, this.slow ? 0 : this.births.length)) {
      const puppet = this.puppets.get(id);
      if (!puppet) continue;
      puppet.alive = !this.fails;
      if (puppet.alive) this.listener.ready(id, 'warm');
      else this.listener.failed(id, 'out of luck');
    }
    const some = this.frames.splice(0, max);
    for (const { id, frame } of some) {
      const row = packets.take();
      packets.bytes.set(frame, packets.start[row]!);
      packets.length[row] = frame.length;
      packets.clone[row] = id;
    }
    return some.length;
  }

  get busy(): boolean {
    return this.frames.length > 0 || (this.births.length > 0 && !this.slow);
  }

  delta(id: number): number {
    return this.deltas.get(id) ?? 0;
  }

  baseline(): Omit<Baseline, 'allowance'> | undefined {
    return this.usual;
  }

  report(id: number): Promise<AgentReport> | undefined {
    return this.onAsk?.(id);
  }

  hold(id: number): Promise<Captive> {
    const puppet = this.puppets.get(id)!;
    if (puppet.alive) this.onEnd(id);
    puppet.alive = false;
    return this.onHold(puppet);
  }

  memory() {
    return { reference: 0, delta: 0, tables: 0 };
  }

  destroy(id: number): void {
    const puppet = this.puppets.get(id);
    if (!puppet) return;
    puppet.alive = false;
    this.puppets.delete(id);
    this.onEnd(id);
  }

  async stop(): Promise<void> {}
}

/** The farm, with clones of the test. */
export class CloneFarm extends RealFarm {
  declare hostile: HostileBackend;

  protected override makeBackend(): CloneBackend {
    this.hostile = new HostileBackend((id) => this.clones.get(id)!.universe.id);
    return this.hostile;
  }
}

const tunnelSpec = {
  summary: 'a tunnel whose other end is the test',
  inputs: { in: '' },
  outputs: { out: '' },
  config: { local: address(undefined, ''), remote: address(undefined, '') },
  drops: {},
  source: 'live',
  decoupled: true,
  containment: { role: 'exit' },
} as const satisfies Spec;

/** Stands for the element of the same name. */
export class GreTunnel extends Element<typeof tunnelSpec> {
  static readonly spec = tunnelSpec;
  readonly incoming: Uint8Array[] = [];
  readonly outgoing: { clone: number; packet: Buffer }[] = [];

  override pull(max: number): boolean {
    for (const bytes of this.incoming.splice(0, max)) {
      const row = this.packets.take();
      this.packets.bytes.set(bytes, this.packets.start[row]!);
      this.packets.length[row] = bytes.length;
      this.out.out.add(row);
    }
    return this.incoming.length > 0;
  }

  override push({ rows, count }: Batch): void {
    for (const row of rows.subarray(0, count)) {
      this.outgoing.push({ clone: this.packets.clone[row]!, packet: Buffer.from(this.packets.packet(row)) });
    }
    this.sent += count;
  }
}
