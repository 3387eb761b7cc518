import { Batch } from '../packet/batch.js';
import { ROWS } from '../packet/columns.js';
import { FLOW } from '../packet/flow.js';
import { HeldPackets } from '../packet/held.js';
import { writeChecksums, writeEnds } from '../packet/nat/headers.js';
import { Mappings } from '../packet/nat/mappings.js';
import { moveQuoted, readQuoted } from '../packet/nat/quoted.js';
import type { Packets } from '../packet/packets.js';
import { ICMP_ERRORS, PROTOCOL } from '../packet/protocol.js';
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

/** How a packet is translated: by its ports, by what it quotes, not at all, or never. */
const KIND = { other: 0, flow: 1, error: 2, fragment: 3, unknown: 4 } as const;

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
  /** The KIND of each row of a batch. */
  private readonly kinds = new Uint8Array(ROWS);
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

  override push(batch: Batch, input: number): void {
    const { packets, moved, errors, kept, sound, drops } = this;
    const queue = this.queues[input]!;
    const now = this.now();
    moved.clear();
    errors.clear();
    kept.clear();
    sound.clear();
    if (input === this.input.out) this.leave(batch, now);
    else this.come(batch, now);
    const faulty = writeEnds(packets, moved) + writeChecksums(packets, errors);
    if (faulty === 0) sound.addAll(kept);
    else passSound(packets, kept, drops, sound);
    this.held += queue.pushAll(packets, sound, drops.waiting);
  }

  override pull(max: number): boolean {
    const { queues, out, packets } = this;
    const left = queues[0]!.popAll(packets, max, out.out);
    queues[1]!.popAll(packets, max - left, out.back);
    return this.waiting > 0;
  }

  override get waiting(): number {
    return this.queues[0]!.count + this.queues[1]!.count;
  }

  /** Translates rows that leave. */
  private leave({ rows, count }: Batch, now: number): void {
    const { packets, mappings, kinds, drops, moved, kept } = this;
    const { src, sport, dport, proto, tcpFlags, flowState } = packets;
    const { address } = this.config;
    let asked = 0;
    for (let i = 0; i < count; i++) {
      const row = rows[i]!;
      // A flow from outside is answered from the address that it went to.
      const kind = (flowState[row]! & FLOW.fromOutside) !== 0 ? KIND.other : kindOf(packets, row);
      kinds[i] = kind;
      if (kind === KIND.flow) mappings.ask(asked++, packets, row);
    }
    mappings.outward(asked, now);
    let answered = 0;
    for (let i = 0; i < count; i++) {
      const row = rows[i]!;
      if (kinds[i] === KIND.flow) {
        const slot = mappings.slots[answered++]!;
        if (slot < 0) {
          drops.full.add(row);
          continue;
        }
        mappings.note(slot, now, false, tcpFlags[row]!);
        src[row] = address;
        // Of an ICMP echo the identifier is in the column dport, whoever sends it.
        if (proto[row] === PROTOCOL.icmp) dport[row] = mappings.outer[slot]!;
        else sport[row] = mappings.outer[slot]!;
        moved.add(row);
      } else if (!this.goesOn(kinds[i]!, row, true)) {
        continue;
      }
      kept.add(row);
    }
  }

  /** Translates rows that come. */
  private come({ rows, count }: Batch, now: number): void {
    const { packets, mappings, drops, moved, kept } = this;
    const { src, dst, sport, dport, proto, tcpFlags } = packets;
    const { address } = this.config;
    for (let i = 0; i < count; i++) {
      const row = rows[i]!;
      const kind = dst[row] === address ? kindOf(packets, row) : KIND.other;
      if (kind === KIND.flow) {
        const peerPort = proto[row] === PROTOCOL.icmp ? 0 : sport[row]!;
        const slot = mappings.inward(proto[row]!, dport[row]!, src[row]!, peerPort);
        if (slot < 0) {
          drops.unknown.add(row);
          continue;
        }
        mappings.note(slot, now, true, tcpFlags[row]!);
        dst[row] = mappings.address[slot]!;
        dport[row] = mappings.port[slot]!;
        moved.add(row);
      } else if (!this.goesOn(kind, row, false)) {
        continue;
      }
      kept.add(row);
    }
  }

  /** Whether a row goes on that is no packet of a flow; if it does not, it has ended. */
  private goesOn(kind: number, row: number, leaves: boolean): boolean {
    const { drops } = this;
    switch (kind) {
      case KIND.error:
        return leaves ? this.errorLeaves(row) : this.errorComes(row);
      case KIND.fragment:
        return this.end(drops.fragment, row);
      case KIND.unknown:
        return this.end(drops.protocol, row);
      default:
        return true;
    }
  }

  /** Translates an ICMP error that a clone sends about what it was sent. False if it has ended. */
  private errorLeaves(row: number): boolean {
    const { packets, mappings, drops } = this;
    const quoted = readQuoted(packets, row);
    if (!quoted) return this.end(drops.protocol, row);
    const { proto, src, dst, sport, dport } = quoted;
    const universe = packets.universe[row]!;
    const slot =
      proto === PROTOCOL.icmp
        ? mappings.find(universe, proto, dst, sport, src, 0)
        : mappings.find(universe, proto, dst, dport, src, sport);
    if (slot < 0) return this.end(drops.unknown, row);
    moveQuoted(packets, row, quoted, 'dst', this.config.address, mappings.outer[slot]!);
    this.move(row, 'src', this.config.address);
    return true;
  }

  /** Translates an ICMP error about what a clone has sent. False if it has ended. */
  private errorComes(row: number): boolean {
    const { packets, mappings, drops } = this;
    const quoted = readQuoted(packets, row);
    if (!quoted) return this.end(drops.protocol, row);
    const { proto, src, dst, sport, dport } = quoted;
    const slot = src === this.config.address ? mappings.inward(proto, sport, dst, dport) : -1;
    if (slot < 0) return this.end(drops.unknown, row);
    moveQuoted(packets, row, quoted, 'src', mappings.address[slot]!, mappings.port[slot]!);
    this.move(row, 'dst', mappings.address[slot]!);
    return true;
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

/** The KIND of a packet that is to be translated. */
function kindOf({ fragment, proto, sport }: Packets, row: number): number {
  if (fragment[row] !== 0) return KIND.fragment;
  if (proto[row] === PROTOCOL.tcp || proto[row] === PROTOCOL.udp) return KIND.flow;
  if (proto[row] !== PROTOCOL.icmp) return KIND.unknown;
  const type = sport[row]! >> 8;
  if (type === 8 || type === 0) return KIND.flow;
  return ICMP_ERRORS.includes(type) ? KIND.error : KIND.unknown;
}
