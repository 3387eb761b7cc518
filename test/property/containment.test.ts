/**
 * The shipped graph, with a tunnel and clones that belong to the test: whatever clones send and the outside sends, what
 * leaves answers somebody who contacted that very clone, and what reaches a clone was caused in its own universe. Under a
 * policy with quotas clones may begin as many flows as it says, and not one more.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import t from 'tap';
import { elements } from '../../src/elements/index.js';
import { unplayable } from '../../src/packet/address.js';
import { checkGraph } from '../../src/pipeline/check.js';
import { Clock } from '../../src/pipeline/clock.js';
import { Engine } from '../../src/pipeline/engine.js';
import { Registry } from '../../src/pipeline/registry.js';
import { craft, type Wanted } from '../unit/craft.js';
import { CloneFarm, GreTunnel, type Puppet } from './hostile.js';

const replaced = [CloneFarm, GreTunnel];
const registry = new Registry([
  ...elements.names.filter((name) => !replaced.some((each) => each.name === name)).map((name) => elements.get(name)!),
  ...replaced,
]);

const FILE = 'config/farm.click';
/** So small that tables, queues and the farm are full now and then. */
const SMALL: readonly [RegExp, string][] = [
  [/FlowTable\(/, 'FlowTable(FLOWS 24, FRAGMENTS 4, '],
  [/ScanFilter\(/, 'ScanFilter(SCANS 16, '],
  [/UniverseTagger\(/, 'UniverseTagger(UNIVERSES 5, '],
  [/CloneFarm\(/, 'CloneFarm(CLONES 6, BINDING 3, WAITING 2, '],
  [/ExportPolicy\(/, 'ExportPolicy(DECISIONS 8, DESTINATIONS 16, '],
];
const text = SMALL.reduce((graph, [what, by]) => graph.replace(what, by), readFileSync(FILE, 'utf8'));

const PEERS = [0xc6336401, 0xc6336402];
const TARGETS = [0x0a630001, 0x0a630002];
/** Outside of the telescope, this host, nobody, everybody, a group, and the tunnel's own ends. */
const ODD = [0x08080808, 0x7f000001, 0, 0xffffffff, 0xe0000001, 0xc0000202, 0xc0000201];
const few = (...values: number[]) => fc.constantFrom(...values);
const SYN = 2;
const ACK = 16;

const port = few(80, 80, 1234);
const tcpFlags = few(SYN, SYN, SYN | ACK, ACK, ACK, 4, 17, 3, 0x42, 0);
const fragment = fc.oneof({ weight: 8, arbitrary: few(0) }, { weight: 3, arbitrary: few(0x2000, 1, 0x2001, 3) });
const shape = fc.record({
  proto: few(6, 6, 17, 17, 1, 1, 47, 4),
  sport: port,
  dport: port,
  tcpFlags,
  fragment,
  ttl: few(1, 9, 10, 64),
  icmp: fc.constantFrom<readonly [number, number]>([8, 0], [0, 0], [3, 3], [11, 0], [5, 1], [13, 0]),
  options: fc.constantFrom(
    ...[[], [], [], [131, 7, 4, 8, 8, 8, 8, 0], [68, 99, 0, 0]].map((list) => Buffer.from(list)),
  ),
  payload: fc.oneof(fc.constant(new Uint8Array(0)), fc.constant(new Uint8Array(24)), fc.uint8Array({ maxLength: 40 })),
});
type Shape = typeof shape extends fc.Arbitrary<infer T> ? T : never;

const anyone = few(...PEERS, ...PEERS, ...TARGETS, ...ODD);
const quote = fc.record({ src: anyone, dst: anyone, proto: few(6, 17, 1), sport: port, dport: port });
const mutation = fc.option(fc.record({ at: fc.nat(80), value: fc.nat(255), mend: fc.boolean() }), { freq: 8 });

const step = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('outside' as const),
      src: few(...PEERS, ...PEERS, ...PEERS, ...TARGETS, ...ODD),
      dst: few(...TARGETS, ...TARGETS, ...TARGETS, ...ODD),
      shape,
      opens: fc.boolean(),
      quote: fc.option(quote),
    }),
  },
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constant('clone' as const),
      which: fc.nat(5),
      own: few(1, 1, 1, 1, 0),
      src: anyone,
      dst: anyone,
      shape,
      quote: fc.option(quote),
      mutation,
    }),
  },
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constant('answer' as const),
      which: fc.nat(20),
      tcpFlags,
      twist: fc.constantFrom('none', 'none', 'none', 'forged', 'other clone', 'port', 'error', 'first', 'later'),
      clone: fc.nat(5),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('wait' as const), seconds: few(0.1, 1, 2, 31, 61, 700) }) },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('trouble' as const), what: few(0, 1, 2), which: fc.nat(5) }),
  },
);

/** What identifies a packet's flow as its sender sees it; undefined if it has none. */
function tupleOf(packet: Buffer): string | undefined {
  const body = (packet[0]! & 15) * 4;
  if (packet.length < Math.max(20, body) + 8) return undefined;
  const [proto, src, dst] = [packet[9]!, packet.readUInt32BE(12), packet.readUInt32BE(16)];
  if (proto === 6 || proto === 17)
    return [proto, src, packet.readUInt16BE(body), dst, packet.readUInt16BE(body + 2)].join();
  return proto === 1 ? ['echo', packet[body], src, dst, packet.readUInt16BE(body + 4)].join() : undefined;
}

/** The tuple of the packet that this one answers; undefined if it answers none. */
function answered(packet: Buffer): string | undefined {
  const body = (packet[0]! & 15) * 4;
  if (packet.length < Math.max(20, body) + 8) return undefined;
  const [proto, src, dst] = [packet[9]!, packet.readUInt32BE(12), packet.readUInt32BE(16)];
  if (proto === 6 || proto === 17)
    return [proto, dst, packet.readUInt16BE(body + 2), src, packet.readUInt16BE(body)].join();
  if (proto !== 1) return undefined;
  const type = packet[body]!;
  if (type === 0) return ['echo', 8, dst, src, packet.readUInt16BE(body + 4)].join();
  return [3, 4, 5, 11, 12].includes(type) ? tupleOf(packet.subarray(body + 8)) : undefined;
}

const later = (packet: Buffer) => (packet.readUInt16BE(6) & 0x1fff) !== 0;
const datagram = (packet: Buffer) =>
  [packet.subarray(12, 20).toString('hex'), packet[9], packet.readUInt16BE(4)].join();

class World {
  readonly farm: CloneFarm;
  readonly tunnel: GreTunnel;
  readonly clock = new Clock({ virtual: true, now: 1_000_000 });
  private readonly engine: Engine;
  private readonly outside: Buffer[] = [];
  /** Tuples by which the outside has contacted an address of a universe. */
  private readonly contacts = new Set<string>();
  private readonly received: { puppet: Puppet; packet: Buffer }[] = [];
  /** What clones have emitted, and the datagrams of which a first fragment was an answer. */
  private readonly emitted = new Set<string>();
  private readonly begun = new Set<string>();
  left = 0;
  reached = 0;
  /** Flows that clones have begun and that left, if they may: for each clone, universe and farm. */
  private readonly flows = new Map<string, Set<string>>();
  readonly begins: boolean;

  constructor(defines: Record<string, string>, begins = false) {
    this.begins = begins;
    const { graph, diagnostics } = checkGraph({ file: FILE, text }, registry, { defines });
    if (!graph) throw new Error(diagnostics.map(({ message }) => message).join());
    this.engine = new Engine(graph, registry, { clock: this.clock, seed: 1n, checked: true });
    const find = (Class: { name: string }) => this.engine.elements.find(({ className }) => className === Class.name)!;
    this.farm = find(CloneFarm) as CloneFarm;
    this.tunnel = find(GreTunnel) as GreTunnel;
    this.farm.hostile.onDeliver = (puppet, packet) => this.deliver(puppet, packet);
  }

  start = () => this.engine.start();
  stop = () => this.engine.stop();

  run(): void {
    for (let turns = 0; this.engine.turn(); turns++) if (turns > 200) throw new Error('the gateway never rests');
    for (const { clone, packet } of this.tunnel.outgoing.splice(0)) this.leave(clone, packet);
  }

  private deliver(puppet: Puppet, packet: Buffer): void {
    this.reached++;
    if (packet.readUInt32BE(16) !== puppet.address) throw new Error('a clone got what is for another address');
    const id = packet.readUInt16BE(4);
    // A refusal by the gateway itself has none.
    if (id === 0) return;
    if (id < 0x8000) {
      if (id >> 3 !== puppet.universe) throw new Error(`universe ${id >> 3} reached universe ${puppet.universe}`);
    } else if (!later(packet)) this.contacts.add([puppet.universe, puppet.address, tupleOf(packet)].join(' '));
    this.received.push({ puppet, packet });
  }

  /** Judges a packet that reached the tunnel. */
  private leave(clone: number, packet: Buffer): void {
    this.left++;
    const fail = (why: string): never => {
      throw new Error(`${why}: clone ${clone} sent ${packet.toString('hex')}`);
    };
    if (!this.emitted.has([clone, packet.toString('hex')].join())) fail('nobody sent this');
    const puppet = this.puppets.get(clone)!;
    if (packet.readUInt32BE(12) !== puppet.address) fail('a forged source left');
    if (packet.readUInt16BE(4) >> 3 !== puppet.universe) fail('it is of another universe');
    const unlicensed = () => !this.contacts.has([puppet.universe, puppet.address, answered(packet)].join(' '));
    if (later(packet)) {
      if (!this.begun.has(datagram(packet))) fail('a fragment of nothing that may leave');
      if (packet[9] === 6 && (packet.readUInt16BE(6) & 0x1fff) === 1) fail('a fragment that overlaps TCP flags');
      return;
    }
    if (unplayable(packet.readUInt32BE(16))) fail('it is for nobody');
    if (unlicensed()) {
      if (!this.begins) fail('it answers nobody');
      const over = this.begin(puppet, packet);
      if (over !== undefined) fail(`more than ${over}`);
    }
    const body = (packet[0]! & 15) * 4;
    const connects = packet[9] === 6 && (packet[body + 13]! & (SYN | ACK)) === SYN;
    if (connects && !this.begins) fail('a clone connects to the outside');
    if (body > 20) fail('it carries IP options');
  }

  /** Counts a flow that a clone has begun. @returns the quota that it is over, if any */
  private begin({ id, universe }: Puppet, packet: Buffer): string | undefined {
    const tuple = tupleOf(packet) ?? packet.toString('hex');
    const protocol = { 1: 'icmp', 6: 'tcp', 17: 'udp' }[packet[9]!] ?? 'other';
    const counts: readonly [name: string, what: string, most: number][] = [
      [`${protocol} of clone ${id}`, tuple, protocol === 'icmp' ? 1 : 2],
      [`destinations of clone ${id}`, String(packet.readUInt32BE(16)), 2],
      [`flows of universe ${universe}`, `${id} ${tuple}`, 4],
      ['flows of the farm', `${id} ${tuple}`, 9],
    ];
    for (const [name, what, most] of counts) {
      const known = this.flows.get(name) ?? new Set();
      this.flows.set(name, known.add(what));
      if (known.size > most) return `${most} ${name}`;
    }
    totals.begun++;
    return undefined;
  }

  private readonly puppets = new Map<number, Puppet>();

  emit(puppet: Puppet, packet: Buffer, change?: { at: number; value: number; mend: boolean }): void {
    this.puppets.set(puppet.id, puppet);
    const answers = [puppet.universe, puppet.address, answered(packet)].join(' ');
    if (!later(packet) && (this.begins || this.contacts.has(answers))) this.begun.add(datagram(packet));
    const bytes = Buffer.from(packet);
    if (change && change.at < bytes.length && change.at !== 4 && change.at !== 5) {
      bytes[change.at] = change.value;
      if (change.mend && bytes.length >= 20) mend(bytes);
    }
    const total = bytes.length >= 4 ? bytes.readUInt16BE(2) : 0;
    this.emitted.add([puppet.id, bytes.subarray(0, total).toString('hex')].join());
    this.farm.hostile.emit(puppet.id, Buffer.concat([Buffer.alloc(12, 2), Buffer.from([8, 0]), bytes]));
  }

  alive(which: number): Puppet | undefined {
    const { alive } = this.farm.hostile;
    return alive[which % Math.max(1, alive.length)];
  }

  put(wanted: Wanted): void {
    const packet = craft({ ...wanted, id: 0x8000 | this.outside.length });
    this.outside.push(packet);
    this.tunnel.incoming.push(packet);
  }

  /** Answers something that a clone got, or nearly so. */
  answer(which: number, flags: number, twist: string, clone: number): void {
    const { puppet, packet } = this.received[which % Math.max(1, this.received.length)] ?? {};
    const kin = this.farm.hostile.alive.filter(({ universe, id }) => universe === puppet?.universe && id !== puppet.id);
    const sender = twist === 'other clone' ? this.alive(clone) : twist === 'forged' ? kin[0] : puppet;
    if (!packet || !sender?.alive || packet.length < 28) return;
    const body = (packet[0]! & 15) * 4;
    const shift = twist === 'port' ? 1 : 0;
    const base: Wanted = {
      proto: packet[9]!,
      src: twist === 'forged' ? puppet!.address : sender.address,
      dst: packet.readUInt32BE(12),
      sport: packet.readUInt16BE(body + 2),
      dport: packet.readUInt16BE(body) ^ shift,
      tcpFlags: flags,
      icmp: [0, 0],
      id: sender.universe << 3,
    };
    if (twist === 'error')
      this.emit(sender, craft({ ...base, proto: 1, icmp: [3, 3], payload: packet.subarray(0, 60) }));
    else if (twist === 'first') this.emit(sender, craft({ ...base, fragment: 0x2000, payload: new Uint8Array(28) }));
    else if (twist === 'later') this.emit(sender, craft({ ...base, fragment: 3, payload: new Uint8Array(24) }));
    else this.emit(sender, craft(base));
  }

  trouble(what: number, which: number): void {
    const { hostile } = this.farm;
    if (what === 0) hostile.fails = !hostile.fails;
    else if (what === 1) hostile.refuses = !hostile.refuses;
    else {
      const puppet = this.alive(which);
      if (puppet) hostile.die(puppet.id);
    }
  }
}

/** Makes the checksum of an IPv4 header right. */
function mend(packet: Buffer): void {
  const header = Math.min(packet.length, (packet[0]! & 15) * 4) & ~1;
  packet.writeUInt16BE(0, 10);
  let sum = 0;
  for (let at = 0; at < header; at += 2) sum += packet.readUInt16BE(at);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  packet.writeUInt16BE(~sum & 0xffff, 10);
}

function wanted(shape: Shape, src: number, dst: number, quoted: Wanted | null): Wanted {
  const isError = shape.proto === 1 && [3, 5, 11].includes(shape.icmp[0]);
  const payload = isError && quoted ? craft({ ...quoted, payload: new Uint8Array(8) }) : shape.payload;
  return { ...shape, src, dst, payload };
}

const totals = { left: 0, reached: 0, begun: 0 };

type Steps = readonly (typeof step extends fc.Arbitrary<infer T> ? T : never)[];

async function live(steps: Steps, targets: number, policy?: string) {
  const world = new World({ TARGETS: String(targets), ...(policy && { POLICY: policy }) }, policy !== undefined);
  await world.start();
  for (const each of steps) {
    if (each.kind === 'outside') {
      const shape = each.opens ? { ...each.shape, tcpFlags: SYN, fragment: 0, options: Buffer.alloc(0) } : each.shape;
      world.put(wanted(shape, each.src, each.dst, each.quote));
    } else if (each.kind === 'clone') {
      const puppet = world.alive(each.which);
      if (!puppet) continue;
      const packet = wanted(each.shape, each.own ? puppet.address : each.src, each.dst, each.quote);
      world.emit(puppet, craft({ ...packet, id: (puppet.universe << 3) | 1 }), each.mutation ?? undefined);
    } else if (each.kind === 'answer') world.answer(each.which, each.tcpFlags, each.twist, each.clone);
    else if (each.kind === 'wait') world.clock.advance(world.clock.now + each.seconds);
    else world.trouble(each.what, each.which);
    world.run();
  }
  await world.stop();
  totals.left += world.left;
  totals.reached += world.reached;
}

const many = fc.array(step, { minLength: 5, maxLength: 60, size: 'max' });
const bounds = { numRuns: 1500, interruptAfterTimeLimit: 60_000, markInterruptAsFailure: false };

t.test('nothing leaves but answers, and universes never meet', async (t) => {
  await fc.assert(
    fc.asyncProperty(many, few(0, 0, 1), (steps, targets) => live(steps, targets)),
    bounds,
  );
  t.comment(`${totals.left} packets left, ${totals.reached} reached clones`);
  t.ok(totals.left > 500 && totals.reached > 2000, 'enough happened to mean something');
});

/** No run lasts a day, so each of its windows is the whole run. */
const QUOTAS = `
ceiling { dst net 0.0.0.0/0 }
tcp and dst port 25 -> reflect
dst net 0.0.0.0/8 or dst net 127.0.0.0/8 or dst net 224.0.0.0/3 -> drop
reply -> forward
begun -> limit tcp 2/day, udp 2/day, icmp 1/day, other 0/day, destinations 2/day per clone,
               flows 4/day per universe, flows 9/day per farm
         then reflect limit flows 3/day per clone then reset
all   -> reflect
`;

t.test('nothing leaves beyond quotas', async (t) => {
  const policy = join(t.testdir({ 'quotas.policy': QUOTAS }), 'quotas.policy');
  await fc.assert(
    fc.asyncProperty(many, (steps) => live(steps, 0, policy)),
    { ...bounds, numRuns: 700, interruptAfterTimeLimit: 30_000 },
  );
  t.comment(`${totals.begun} flows of clones left`);
  t.ok(totals.begun > 100, 'enough happened to mean something');
});
