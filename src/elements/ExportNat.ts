import { Batch } from '../packet/batch.js';
import { FLOW } from '../packet/flow.js';
import { HeldPackets } from '../packet/held.js';
import { writeChecksums, writeEnds } from '../packet/nat/headers.js';
import { type Mapping, Mappings } from '../packet/nat/mappings.js';
import { isError, moveQuoted, readQuoted } from '../packet/nat/quoted.js';
import { PROTOCOL } from '../packet/protocol.js';
import { Element, type Setup } from '../pipeline/element.js';
import { faultDrops, passSound } from '../pipeline/faulty.js';
import { seedBytes } from '../pipeline/seed.js';
import type { Spec } from '../pipeline/spec.js';
import { address, count, seconds } from '../pipeline/values.js';

const spec = {
  summary: 'gives flows that clones begin an address by which answers find back',
  inputs: { out: 'packets that may leave', back: 'packets from outside, checked' },
  outputs: {
    out: 'the same packets; those of flows that a clone has begun come from ADDRESS',
    back: 'the same packets; those for ADDRESS go to the clone that began the flow',
  },
  config: {
    address: address(undefined, 'The address that the outside sees.'),
    first: count(1024, 'The first of the ports, and ICMP identifiers, that are given out.', { min: 1, max: 65_535 }),
    last: count(65_535, 'The last of them.', { min: 1, max: 65_535 }),
    queue: count(4096, 'Packets of each way that may wait for the next turn.', { min: 1 }),
    mappings: count(16_384, 'Flows at once.', { min: 1, max: 1 << 17 }),
    tcp: seconds(7440, 'Time after which an open TCP connection is forgotten when it is quiet (RFC 5382, REQ-5).'),
    transitory: seconds(240, 'The same for one that is being opened, or is closed.'),
    udp: seconds(300, 'The same for UDP (RFC 4787, REQ-5).'),
    icmp: seconds(60, 'The same for ICMP echo (RFC 5508, REQ-1).'),
  },
  validate: ({ first, last }) => ((first as number) > (last as number) ? 'expected FIRST not above LAST' : undefined),
  drops: {
    ...faultDrops(),
    full: 'as many flows are mapped as may be, or no port is free',
    fragment: 'a fragment, which shows no ports',
    protocol: 'it is none of TCP, UDP and ICMP echo, or an ICMP error that cannot be read',
    waiting: 'QUEUE packets wait already',
    unknown: 'it is for ADDRESS, and no clone has spoken to its sender from there',
  },
  metrics: { nat_mappings: { kind: 'gauge', doc: 'flows that have a port outside' } },
  decoupled: true,
  effect: 'straight',
  workers: () => 'answers come to the address that it gives, which one worker has',
} as const satisfies Spec;

/** Seconds between two looks for mappings to forget. */
const ROUND = 1;

/**
 * Where the way out is not the tunnel by which the telescope's traffic comes, nobody routes answers for the addresses of
 * clones back. So what a clone begins goes out from ADDRESS, each flow by a port of its own that nobody can foresee, and only
 * whom the clone has spoken to finds back by it. TCP, UDP, ICMP echo and ICMP errors about them are translated.
 *
 * Answers to whoever contacted a clone are left alone: they must come from the address that was contacted.
 *
 * @example
 *   FromDevice(eth0) -> CheckIPHeader -> [back] nat :: ExportNat(ADDRESS 198.51.100.1);
 *   nat[back] -> [outside] flows :: FlowTable;
 *   flows[known] -> farm :: CloneFarm;
 *   flows[new] -> UniverseTagger -> bind :: Dispatcher(MAP addresses.map) -> farm;
 *   flows[stray] -> Discard;
 *   farm -> CheckIPHeader -> [inside] flows;
 *   flows[inside] -> export :: ExportPolicy(POLICY policies/reflect.policy);
 *   export[forward] -> [out] nat[out] -> ToDevice(eth0);
 *   export[reflect] -> Reflector -> bind;
 *   export[redirect] -> farm;
 *   export[drop] -> Discard;
 */
export class ExportNat extends Element<typeof spec> {
  static readonly spec = spec;
  private readonly mappings: Mappings;
  /** Rows whose columns say what their headers are to be, and rows whose ICMP checksum is to be made right. */
  private readonly moved = new Batch();
  private readonly errors = new Batch();
  private readonly kept = new Batch();
  private readonly sound = new Batch();
  /** Of both ways: what comes back enters the graph before what goes out has left it, so it waits for the next turn. */
  private readonly queues = [this.config.queue, this.config.queue].map((packets) => new HeldPackets({ packets }));

  constructor(setup: Setup<typeof spec>) {
    super(setup);
    const { mappings, first, last } = this.config;
    const seed = seedBytes(this.services.seed, this.name);
    this.mappings = new Mappings({ capacity: mappings, ports: [first, last], timeouts: this.config, seed });
  }

  override start(): void {
    this.services.clock.every(ROUND, () => {
      this.mappings.sweep(this.now());
      this.metrics.nat_mappings.set(this.mappings.size);
    });
  }

  override push({ rows, count }: Batch, input: number): void {
    const { packets, moved, errors, kept, sound, drops } = this;
    const outward = input === this.input.out;
    const queue = this.queues[input]!;
    const now = this.now();
    for (const batch of [moved, errors, kept, sound]) batch.clear();
    for (let i = 0; i < count; i++) {
      const row = rows[i]!;
      if (outward ? this.leaves(row, now) : this.comes(row, now)) kept.add(row);
    }
    const faulty = writeEnds(packets, moved) + writeChecksums(packets, errors);
    if (faulty === 0) sound.addAll(kept);
    else passSound(packets, kept, drops, sound);
    for (let i = 0; i < sound.count; i++) {
      const row = sound.rows[i]!;
      if (queue.push(packets, row)) this.held++;
      else drops.waiting.add(row);
    }
  }

  override pull(max: number): boolean {
    const { queues, out, packets } = this;
    const links = [out.out, out.back];
    let left = max;
    for (const [i, queue] of queues.entries()) {
      for (; left > 0 && queue.count > 0; left--) {
        const row = queue.pop(packets);
        if (row < 0) return true;
        links[i]!.add(row);
      }
    }
    return this.waiting > 0;
  }

  override get waiting(): number {
    return this.queues.reduce((sum, { count }) => sum + count, 0);
  }

  /** Translates a row that leaves. False if it has ended. */
  private leaves(row: number, now: number): boolean {
    const { packets, mappings, drops } = this;
    // A flow from outside is answered from the address that it went to.
    if ((packets.flowState[row]! & FLOW.fromOutside) !== 0) return true;
    if (packets.fragment[row] !== 0) return this.end(drops.fragment, row);
    const universe = packets.universe[row]!;
    const [src, dst] = [packets.src[row]!, packets.dst[row]!];
    if (isError(packets, row)) {
      const quoted = readQuoted(packets, row);
      if (!quoted) return this.end(drops.protocol, row);
      const { proto, sport, dport } = quoted;
      const echo = proto === PROTOCOL.icmp;
      const mapping = mappings.outward(
        universe,
        proto,
        quoted.dst,
        echo ? sport : dport,
        quoted.src,
        echo ? 0 : sport,
        now,
        false,
      );
      if (!mapping) return this.end(drops.unknown, row);
      moveQuoted(packets, row, quoted, 'dst', this.config.address, mapping.outer);
      this.move(row, 'src', this.config.address);
      return true;
    }
    const ports = this.portsOf(row);
    if (!ports) return this.end(drops.protocol, row);
    const proto = packets.proto[row]!;
    const mapping = mappings.outward(universe, proto, src, ports.mine, dst, ports.peer, now, true);
    if (!mapping) return this.end(drops.full, row);
    mappings.note(mapping, now, false, packets.tcpFlags[row]!);
    packets.src[row] = this.config.address;
    this.setPort(row, 'sport', mapping.outer);
    this.moved.add(row);
    return true;
  }

  /** Translates a row that comes. False if it has ended. */
  private comes(row: number, now: number): boolean {
    const { packets, mappings, drops } = this;
    if (packets.dst[row] !== this.config.address) return true;
    if (packets.fragment[row] !== 0) return this.end(drops.fragment, row);
    if (isError(packets, row)) {
      const quoted = readQuoted(packets, row);
      if (!quoted) return this.end(drops.protocol, row);
      const { proto, src, dst, sport, dport } = quoted;
      const mapping = src === this.config.address ? mappings.inward(proto, sport, dst, dport) : undefined;
      if (!mapping) return this.end(drops.unknown, row);
      moveQuoted(packets, row, quoted, 'src', mapping.address, mapping.port);
      this.move(row, 'dst', mapping.address);
      return true;
    }
    const ports = this.portsOf(row);
    if (!ports) return this.end(drops.protocol, row);
    const proto = packets.proto[row]!;
    const outer = proto === PROTOCOL.icmp ? ports.mine : packets.dport[row]!;
    const peerPort = proto === PROTOCOL.icmp ? 0 : packets.sport[row]!;
    const mapping: Mapping | undefined = mappings.inward(proto, outer, packets.src[row]!, peerPort);
    if (!mapping) return this.end(drops.unknown, row);
    mappings.note(mapping, now, true, packets.tcpFlags[row]!);
    packets.dst[row] = mapping.address;
    this.setPort(row, 'dport', mapping.port);
    this.moved.add(row);
    return true;
  }

  /** The ports of a packet that a clone sends; for ICMP echo its identifier. */
  private portsOf(row: number): { readonly mine: number; readonly peer: number } | undefined {
    const { proto, sport, dport } = this.packets;
    if (proto[row] === PROTOCOL.tcp || proto[row] === PROTOCOL.udp) return { mine: sport[row]!, peer: dport[row]! };
    const type = sport[row]! >> 8;
    return proto[row] === PROTOCOL.icmp && (type === 8 || type === 0) ? { mine: dport[row]!, peer: 0 } : undefined;
  }

  /** Of an ICMP echo the identifier is in the column dport, whoever sends it. */
  private setPort(row: number, end: 'sport' | 'dport', port: number): void {
    const { packets } = this;
    if (packets.proto[row] === PROTOCOL.icmp) packets.dport[row] = port;
    else packets[end][row] = port;
  }

  /** Gives an ICMP error another address. */
  private move(row: number, end: 'src' | 'dst', to: number): void {
    const { packets } = this;
    packets[end][row] = to;
    packets.view.setUint32(packets.start[row]! + (end === 'src' ? 12 : 16), to);
    this.errors.add(row);
  }

  private end(drop: { add(row: number): void }, row: number): false {
    drop.add(row);
    return false;
  }
}
