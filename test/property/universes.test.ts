/**
 * Universes that have the same addresses and ports, in the shipped graph, under a policy that lets everything out: so
 * that they compete for flows towards the outside. What each clone sends bears the number of its universe.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import t from 'tap';
import { elements } from '../../src/elements/index.js';
import { Ids } from '../../src/farm/ids.js';
import { Universes } from '../../src/farm/universes.js';
import { checkGraph } from '../../src/pipeline/check.js';
import { Clock } from '../../src/pipeline/clock.js';
import { Engine } from '../../src/pipeline/engine.js';
import { Registry } from '../../src/pipeline/registry.js';
import { craft } from '../unit/craft.js';
import { CloneFarm, GreTunnel, type Puppet } from './hostile.js';

const replaced = [CloneFarm, GreTunnel];
const registry = new Registry([
  ...elements.names.filter((name) => !replaced.some((each) => each.name === name)).map((name) => elements.get(name)!),
  ...replaced,
]);

const FILE = 'config/farm.click';
/** Tables so small that a world is made quickly. */
const SMALL: readonly [RegExp, string][] = [
  [/FlowTable\(/, 'FlowTable(FLOWS 512, FRAGMENTS 4, '],
  [/ScanFilter\(/, 'ScanFilter(SCANS 16, '],
  [/UniverseTagger\(/, 'UniverseTagger(UNIVERSES 64, '],
  [/ExportPolicy\(/, 'ExportPolicy(DECISIONS 8, DESTINATIONS 16, '],
];
const POLICY = join(
  t.testdir({
    'all.policy':
      'ceiling {\n  dst net 0.0.0.0/0\n}\ntcp and dst port 25 -> drop\ndst net 224.0.0.0/3 -> drop\ninward -> reflect\nall -> forward\n',
  }),
  'all.policy',
);
const PEERS = [0xc6336401, 0xc6336402, 0xc6336403];
const TARGETS = [0x0a630001, 0x0a630002];
const PORTS = [53, 1000];
const SYN = 2;

/** Both directions of a flow, as one text. */
function flowOf(packet: Buffer): string {
  const ends = [0, 1].map((end) => [packet.readUInt32BE(12 + 4 * end), packet.readUInt16BE(20 + 2 * end)].join(':'));
  return [packet[9], ...ends.sort()].join();
}

class World {
  readonly clock = new Clock({ virtual: true, now: 1_000_000 });
  readonly engine: Engine;
  readonly farm: CloneFarm;
  readonly tunnel: GreTunnel;
  readonly universes: Universes;
  /** Who has a flow towards the outside: set with the first packet of it that is seen. */
  private readonly owners = new Map<string, Puppet>();
  private readonly puppets = new Map<number, Puppet>();
  reached = 0;
  left = 0;
  joined = 0;

  constructor(defines: Record<string, string>, change: (graph: string) => string = (graph) => graph) {
    const text = SMALL.reduce((graph, [what, by]) => graph.replace(what, by), change(readFileSync(FILE, 'utf8')));
    const { graph, diagnostics } = checkGraph({ file: FILE, text }, registry, {
      defines: { TARGETS: '0', POLICY, ...defines },
    });
    if (!graph) throw new Error(diagnostics.map(({ message }) => message).join());
    this.engine = new Engine(graph, registry, { clock: this.clock, seed: 1n, checked: true });
    const find = (Class: { name: string }) => this.engine.elements.find(({ className }) => className === Class.name)!;
    this.farm = find(CloneFarm) as CloneFarm;
    this.tunnel = find(GreTunnel) as GreTunnel;
    this.universes = this.engine.services.shared(Universes);
    this.farm.hostile.onDeliver = (puppet, packet) => this.deliver(puppet, packet);
  }

  /** The clones that are there, in an order that does not depend on numbers. */
  get alive(): Puppet[] {
    return this.farm.hostile.alive;
  }

  dropped(className: string): Record<string, number> {
    const { drops } = this.engine.elements.find((element) => element.className === className)!;
    return Object.fromEntries(Object.entries(drops).flatMap(([name, { value }]) => (value ? [[name, value]] : [])));
  }

  run(): void {
    for (let turns = 0; this.engine.turn(); turns++) if (turns > 200) throw new Error('the gateway never rests');
    for (const { clone, packet } of this.tunnel.outgoing.splice(0)) this.leave(clone, packet);
  }

  put(src: number, dst: number, sport: number, dport: number, proto: number): void {
    this.tunnel.incoming.push(craft({ src, dst, sport, dport, proto, tcpFlags: SYN, id: 0xffff }));
  }

  emit(puppet: Puppet, dst: number, sport: number, dport: number, proto: number, tcpFlags = SYN): void {
    this.puppets.set(puppet.id, puppet);
    const packet = craft({ src: puppet.address, dst, sport, dport, proto, tcpFlags, id: puppet.universe });
    this.farm.hostile.emit(puppet.id, Buffer.concat([Buffer.alloc(12, 2), Buffer.from([8, 0]), packet]));
  }

  private deliver(puppet: Puppet, packet: Buffer): void {
    this.reached++;
    const from = packet.readUInt16BE(4);
    if (packet.readUInt32BE(16) !== puppet.address) throw new Error('a clone got what is for another address');
    if (from !== 0xffff && from !== puppet.universe) throw new Error(`${from} is heard in ${puppet.universe}`);
    const source = this.universes.get(puppet.universe)!.source;
    if (from !== 0xffff) return;
    if (packet.readUInt32BE(12) !== source) this.joined++;
    this.own(packet, puppet, 'is answered');
  }

  private leave(clone: number, packet: Buffer): void {
    this.left++;
    const puppet = this.puppets.get(clone)!;
    if (packet.readUInt16BE(4) !== puppet.universe) throw new Error('it is of another universe');
    this.own(packet, puppet, 'leaves');
  }

  /** A flow belongs to one universe as long as its clone is there, and no time has passed for it to be forgotten in. */
  private own(packet: Buffer, puppet: Puppet, what: string): void {
    const flow = flowOf(packet);
    const owner = this.owners.get(flow);
    const lives = owner && this.alive.includes(owner);
    if (lives && owner.universe !== puppet.universe)
      throw new Error(`${flow} of universe ${owner.universe} ${what} in universe ${puppet.universe}`);
    this.owners.set(flow, puppet);
  }

  wait(seconds: number): void {
    this.clock.advance(this.clock.now + seconds);
    if (seconds >= 30) this.owners.clear();
  }
}

const step = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('outside' as const),
      src: fc.constantFrom(...PEERS),
      dst: fc.constantFrom(...TARGETS),
      ports: fc.tuple(fc.constantFrom(...PORTS), fc.constantFrom(...PORTS)),
      proto: fc.constantFrom(6, 17),
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('clone' as const),
      which: fc.nat(11),
      dst: fc.constantFrom(...PEERS, ...PEERS, ...TARGETS),
      ports: fc.tuple(fc.constantFrom(...PORTS), fc.constantFrom(...PORTS)),
      proto: fc.constantFrom(6, 17),
      tcpFlags: fc.constantFrom(SYN, SYN, SYN | 16, 16),
    }),
  },
  { weight: 3, arbitrary: fc.constant({ kind: 'run' as const }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('wait' as const), seconds: fc.constantFrom(1, 61, 700) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('die' as const), which: fc.nat(11) }) },
);

const totals = { reached: 0, left: 0, joined: 0, collisions: 0 };

async function live(
  steps: readonly (typeof step extends fc.Arbitrary<infer T> ? T : never)[],
  defines: Record<string, string>,
): Promise<void> {
  const world = new World(defines);
  await world.engine.start();
  for (const each of steps) {
    const some = world.alive;
    const puppet = 'which' in each && some.length > 0 ? some[each.which % some.length] : undefined;
    if (each.kind === 'outside') world.put(each.src, each.dst, ...each.ports, each.proto);
    else if (each.kind === 'clone' && puppet) world.emit(puppet, each.dst, ...each.ports, each.proto, each.tcpFlags);
    else if (each.kind === 'die' && puppet) world.farm.hostile.die(puppet.id);
    else if (each.kind === 'run') world.run();
    else if (each.kind === 'wait') {
      world.run();
      world.wait(each.seconds);
    }
  }
  world.run();
  await world.engine.stop();
  totals.reached += world.reached;
  totals.left += world.left;
  totals.joined += world.joined;
  totals.collisions += world.dropped('ExportPolicy')['collision'] ?? 0;
}

t.test('no packet of one universe is seen in another, and none has a flow of another', async (t) => {
  const many = fc.array(step, { minLength: 10, maxLength: 60, size: 'max' });
  const worlds = fc.record({
    KEY: fc.constantFrom('packet', 'pair', 'source'),
    OPEN: fc.constantFrom('none', 'all', '10.99.0.1'),
    SHARED: fc.constantFrom('0', '50%', '1'),
  });
  await fc.assert(
    fc.asyncProperty(many, worlds, (steps, defines) => live(steps, defines)),
    { numRuns: 400, interruptAfterTimeLimit: 120_000, markInterruptAsFailure: false },
  );
  t.comment(JSON.stringify(totals));
  t.ok(
    Object.values(totals).every((total) => total > 5),
    'enough happened to mean something',
  );
});

t.test('a number is not used again while a flow may name it', async (t) => {
  // Flows outlive their universe by far, and there are three numbers.
  const world = new World({ IDLE: '10s', KEEP: '10s' }, (graph) => graph.replace('TIMEOUT 300s', 'UDP 7200s'));
  const { engine, universes } = world;
  const ids = new Ids(engine.services.clock, 4);
  ids.keepFor(7200);
  Object.assign(universes, { ids });
  await engine.start();
  t.teardown(() => engine.stop());
  const [peer, target] = [PEERS[0]!, TARGETS[0]!];
  const contact = (sport: number) => {
    world.put(peer, target, sport, 53, 17);
    world.run();
    return [...universes].map(({ id }) => id);
  };
  for (const id of [1, 2, 3]) {
    t.same(contact(id), [id]);
    world.wait(30);
    t.equal(universes.size, 0);
  }
  t.equal(engine.handlers.read('flows.flows').match(/udp\t(\d+)/)![1], '3', 'flows of all three are known');
  t.same(contact(1), [], 'what belongs to one of them finds nobody');
  t.match(world.dropped('CloneFarm'), { universe: 1 });
  t.same(contact(1), [], 'and there is no number for another universe');
  t.same(world.dropped('UniverseTagger'), { full: 1 });
  world.wait(7200 - 91);
  t.same(contact(9), []);
  for (let second = 0; second < 120; second++) world.wait(1);
  t.equal(engine.handlers.read('flows.flows').match(/udp\t(\d+)/)![1], '0', 'nothing names them now');
  t.equal(contact(9).length, 1);
});
