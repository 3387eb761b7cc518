import { Accounts } from '../farm/accounts.js';
import { endAged } from '../farm/ageing.js';
import type { BackendListener, CloneBackend, Death, Origin } from '../farm/backend.js';
import { BACKENDS, makeBackend } from '../farm/backends.js';
import { Bindings } from '../farm/bindings.js';
import { Births } from '../farm/births.js';
import type { Clones } from '../farm/clones.js';
import { FARM_METRICS, measureFarm } from '../farm/farm-metrics.js';
import { Images } from '../farm/images.js';
import { Inbound } from '../farm/inbound.js';
import { Lifecycle } from '../farm/lifecycle.js';
import { listClones, listUniverses, tellTree } from '../farm/listing.js';
import { Rules, shippedRules } from '../farm/monitor/rules.js';
import { Outbound } from '../farm/outbound.js';
import { PolicyNumbers } from '../farm/policy/judge.js';
import { Timings } from '../farm/timings.js';
import { type CloneRecord, isUp, type Universe } from '../farm/universes.js';
import { MTU } from '../farm/wire.js';
import type { Batch } from '../packet/batch.js';
import { FLOW } from '../packet/flow.js';
import { Element, type Setup } from '../pipeline/element.js';
import type { Spec } from '../pipeline/spec.js';
import { bytes, choice, configFile, count, fileValue, optional, seconds } from '../pipeline/values.js';

const spec = {
  summary: 'gives every address its own clone, made when its first packet arrives',
  inputs: { in: 'packets for clones: of a known flow, or with the image that is to play the address' },
  outputs: { out: 'what clones send' },
  config: {
    backend: choice(BACKENDS, 'simulated', 'Where clones come from: real machines, or a small network stack each.'),
    images: configFile('images', 'Folder with the profiles of simulated images. Real ones are in the state folder.'),
    memory: bytes(
      2 * 2 ** 30,
      'Memory that clones may change together. Before it is used up the least interesting go.',
    ),
    cap: bytes(64 * 2 ** 20, 'Memory that one clone may change. It is captured and ended when it has changed more.'),
    clones: count(20_000, 'Clones that may exist at once.', { min: 1 }),
    universeClones: count(1000, 'Clones that one universe may have at once.', { min: 1 }),
    universeDepth: count(32, 'Clones that one chain may have, of which each called for the next.', { min: 1 }),
    universeFanout: count(256, 'Clones that one clone may call into being.'),
    universeAge: seconds(604_800, 'Time after which a universe takes no new clones, and those that it has are ended.'),
    binding: count(256, 'Clones that may be in the making at once.', { min: 1, max: 4096 }),
    waiting: count(32, 'Packets that may wait for one clone in the making.', { min: 1, max: 1024 }),
    quiet: seconds(2, 'Time without packets after which a clone is quiet: it may be given up for another.'),
    idle: seconds(60, 'Time after which a quiet clone of no interest is recycled.'),
    keep: seconds(600, 'Time for which a quiet clone of interest is kept.'),
    life: seconds(86_400, 'Time after which a clone is recycled in any case.'),
    monitor: optional(
      fileValue(
        'monitor',
        'Rules that say which clones are of interest, and which malicious; config/monitor.rules if not given. See docs/monitoring.md.',
        { read: (text, file) => new Rules(text, file) },
      ),
    ),
    interestingDelta: bytes(
      4 * 2 ** 20,
      'Memory that a clone may change beyond what its image does by itself: `allowance` in the rules.',
    ),
    fingerprints: count(1 << 18, 'Fingerprints of payloads that are kept at once.'),
    capture: choice(
      ['on', 'off', 'always'],
      'on',
      'Whether clones of interest are captured: in a replay, of which each run would capture the same, only `always`.',
    ),
    captures: count(1000, 'Captures that the state folder may hold. When it is full no more are taken.'),
    captureBytes: bytes(10 * 2 ** 30, 'Bytes that they may take.'),
    record: bytes(2 ** 20, 'Bytes that are recorded of what goes over the wire of one clone.'),
    recordMemory: bytes(256 * 2 ** 20, 'Memory that all recordings may take together.'),
    machines: count(1000, 'Real machines that may play somebody at once, if CLONES is not less.', {
      min: 1,
      max: 20_000,
    }),
    standby: count(8, 'Real machines of each image that stand by when little happens.'),
    standbyMost: count(32, 'And when much happens.'),
    builders: count(2, 'Real machines that are made at the same time.', { min: 1, max: 64 }),
    refill: count(20, 'Real machines made in a second while nobody waits for one.', { min: 1 }),
    overhead: bytes(192 * 2 ** 20, 'Memory that the process of a real machine may use beyond its image.'),
    disk: bytes(2 ** 28, 'What a real machine may write to its disk, which is memory as well.'),
    latency: seconds(0, 'Time that a simulated clone takes to be ready.'),
  },
  drops: {
    gone: 'the clone that sent it is gone',
    universe: 'its universe is gone',
    elsewhere: 'a clone of another farm plays its destination',
    unbound: 'it belongs to a flow whose clone is gone',
    full: 'as many clones as may exist are busy',
    crowded: 'its universe has as many clones as one may have',
    deep: 'its clone would be deeper in a chain than one may be',
    fanout: 'its sender has called as many clones into being as one may',
    aged: 'its universe is too old for another clone',
    binding: 'as many clones as may be in the making are',
    waiting: 'too many packets wait for its clone',
    failed: 'its clone could not be made',
    busy: 'its clone took no more packets',
    'too-big': 'longer than the MTU of a clone’s wire',
    early: 'a clone sent it before it was ready',
    arp: 'a clone’s ARP frame; requests are answered',
    dhcp: 'a clone’s DHCP message; requests are answered',
    'dhcp-malformed': 'a clone’s DHCP message that cannot be read',
    'not-ip': 'a clone’s frame that is neither IPv4 nor ARP',
    runt: 'a clone’s frame that is too short',
    untranslatable: 'its clone has another address inside, and its headers are broken or cut short',
    spoofed: 'a clone sent it with an address that is not its own',
  },
  metrics: FARM_METRICS,
  handlers: {
    clones: { read: 'clones that exist, and the bytes that each costs: a JSON object a line' },
    universes: { read: 'universes that exist: a JSON object a line' },
    ended: { read: 'universes that have ended and are remembered: a JSON object a line' },
    tree: {
      read: 'the causal tree of the universe of a number, which may have ended: a JSON object; empty if it is not known',
    },
  },
  decoupled: true,
  containment: { role: 'farm' },
  workers: () => 'clones of a universe play addresses of other workers, and all clones share what memory there is',
} as const satisfies Spec;

/** Seconds between two looks for clones to recycle. */
const ROUND = 1;

/**
 * A binding is made late: only when the first packet for an address in a universe arrives is a clone asked for.
 * Packets that come meanwhile wait, and are delivered in order when it is ready. The clone's only wire leads here:
 * the gateway answers its ARP requests, whoever they are for, and its DHCP requests, and takes nothing from it that does
 * not bear its own address. Where an image was frozen with an address that nothing in it can change, the gateway
 * translates between that and the clone's.
 *
 * Clones that nothing of interest happened to are recycled when they have been quiet for IDLE; those that opened
 * connections, changed much memory, run or listen on what their image does not, are part of a chain, or send on what they
 * were sent are kept for KEEP, and captured before they go: what is of interest is said by rules, the MONITOR file (see
 * docs/monitoring.md and docs/captures.md). When there is no room the one of the lowest score goes first. An
 * infection that scans makes clones of interest without end, so a universe has at most UNIVERSE_CLONES; and none lives
 * longer than LIFE, however busy it is. Depth, fan-out and age of a universe are bounded as well.
 *
 * @example
 *   FromDump(in.pcap) -> UniverseTagger -> Dispatcher(MAP addresses.map)
 *     -> farm :: CloneFarm(BACKEND simulated, CLONES 1000) -> Discard;
 */
export class CloneFarm extends Element<typeof spec> implements BackendListener {
  static readonly spec = spec;
  private readonly backend: CloneBackend;
  private readonly life: Lifecycle;
  protected readonly clones: Clones;
  private readonly accounts: Accounts;
  private readonly bindings: Bindings;
  private readonly inbound: Inbound;
  private readonly outbound: Outbound;
  private readonly births: Births;
  private readonly timings: Timings;

  constructor(setup: Setup<typeof spec>) {
    super(setup);
    const { packets, config, drops, services } = this;
    const { clock } = services;
    const backend = this.makeBackend();
    this.backend = backend;
    this.accounts = new Accounts(backend);
    this.timings = new Timings(this.metrics);
    const capturing = config.capture === 'always' || (config.capture === 'on' && !clock.virtual);
    this.life = new Lifecycle({
      ...config,
      ...{ services, backend, policy: config, clones: this.most },
      rules: config.monitor ?? shippedRules(),
      captures: capturing
        ? {
            quota: { captures: config.captures, bytes: config.captureBytes },
            recordings: { each: config.record, all: config.recordMemory },
          }
        : undefined,
      onEnd: (clone, ending) => {
        this.timings.forget(clone.id);
        this.metrics.clones_ended[ending].add(1);
      },
      onCapture: (outcome) => this.metrics.captures[outcome].add(1),
    });
    this.clones = this.life.clones;
    this.bindings = new Bindings(packets, {
      clones: config.binding,
      waiting: config.waiting,
      // What has waited bears the number of the clone that it waited for: who sent it made that be.
      deliver: (clone, row) => this.deliver(clone, row, clone.parent?.id ?? 0),
      drop: (row) => drops.failed.add(row),
      end: (clone, failure) => {
        if (failure === undefined) clone.state = 'live';
        else this.clones.end(clone, 'failed', failure);
      },
    });
    this.births = new Births({
      ...{ packets, drops, clock, clones: this.clones, limits: config },
      numbers: services.shared(PolicyNumbers),
      isBusy: () => this.bindings.full,
    });
    this.inbound = new Inbound(packets, backend, drops, clock);
    this.outbound = new Outbound({
      packets,
      backend,
      drops,
      clock,
      cloneOf: (id) => this.clones.get(id),
      isMaking: (clone) => this.bindings.isMaking(clone),
      admit: (clone, row) => this.admit(clone, row),
    });
  }

  /** Clones that may exist at once. */
  private get most(): number {
    const { backend, clones, machines } = this.config;
    return backend === 'qemu' ? Math.min(clones, machines) : clones;
  }

  protected makeBackend(): CloneBackend {
    return makeBackend(this.services, this.name, this.config, this.most);
  }

  override async start(): Promise<void> {
    await this.backend.start(this, this.services.shared(Images).all);
    await this.life.start();
    this.services.clock.every(ROUND, () => {
      this.life.round();
      endAged(this.life, this.config.universeAge, this.now());
      this.accounts.refresh(this.clones);
      measureFarm(this.metrics, this.backend, this.life);
    });
  }

  override async stop(): Promise<void> {
    await this.life.stop();
    await this.backend.stop();
  }

  override get waiting(): number {
    return this.bindings.size + (this.backend.busy ? 1 : 0);
  }

  override push(batch: Batch): void {
    const { packets, clones } = this;
    for (let i = 0; i < batch.count; i++) {
      const row = batch.rows[i]!;
      if (packets.length[row]! > MTU) {
        this.drops['too-big'].add(row);
        continue;
      }
      const universe = clones.universes.get(packets.universe[row]!);
      if (universe && universe.kind !== 'closed') this.notice(universe, row);
      const clone = universe?.clones.get(packets.dst[row]!) ?? this.bind(row);
      if (clone && clone.farm !== clones) this.drops.elsewhere.add(row);
      else if (clone && isUp(clone)) this.deliver(clone, row, packets.clone[row]!);
      else if (clone) this.wait(clone, row);
    }
    this.sent += this.inbound.flush();
  }

  /** Notes who outside opens a flow in a universe that another has begun. */
  private notice({ id, source: root, tree }: Universe, row: number): void {
    const { packets } = this;
    const [source, target] = [packets.src[row]!, packets.dst[row]!];
    // What belongs to a flow that is known brings no image; what comes from another clone names that.
    if (source === root || packets.image[row] === 0 || packets.clone[row] !== 0) return;
    if (tree.join(source, target, this.now())) this.services.event({ kind: 'joined', universe: id, source, target });
  }

  /** Makes a binding for the destination of a row, or drops the row. */
  private bind(row: number): CloneRecord | undefined {
    const clone = this.births.bind(row);
    if (!clone) return undefined;
    this.timings.onAsked(clone.id);
    this.bindings.begin(clone);
    this.metrics.clones_made.add(1);
    return clone;
  }

  /** Keeps a row until its clone is ready. */
  private wait(clone: CloneRecord, row: number): void {
    if (this.bindings.hold(clone, row)) this.held++;
    else this.drops.waiting.add(row);
  }

  /** @param sender number of the clone that sent it, 0 if it came from outside */
  private deliver(clone: CloneRecord, row: number, sender: number): void {
    const { packets } = this;
    this.clones.touch(clone);
    // Export policy refuses a clone by its own packet.
    if ((packets.flowState[row]! & FLOW.data) !== 0 && sender !== clone.id)
      clone.evidence?.receives(packets, row, this.clones.get(sender)?.evidence);
    this.inbound.add(clone, row);
  }

  override pull(max: number): boolean {
    const room = max - this.bindings.finish(max);
    this.sent += this.inbound.flush();
    if (room > 0) this.outbound.collect(room);
    return this.backend.busy || this.bindings.due;
  }

  /** Lets a clone's packet into the graph. */
  private admit(clone: CloneRecord, row: number): void {
    const { packets } = this;
    const now = this.now();
    packets.sec[row] = now;
    packets.nsec[row] = (now % 1) * 1e9;
    packets.universe[row] = clone.universe.id;
    this.clones.touch(clone);
    this.timings.onSent(clone.id);
    this.out.out.add(row);
  }

  ready(id: number, origin: Origin): void {
    const clone = this.clones.get(id);
    if (!clone) return;
    this.bindings.outcome(clone);
    const seconds = this.timings.onReady(id, origin);
    this.services.event({
      kind: 'clone',
      clone: id,
      universe: clone.universe.id,
      address: clone.address,
      image: this.clones.imageOf(clone),
      cause: { source: clone.parent?.address ?? clone.universe.source, clone: clone.parent?.id ?? 0 },
      depth: clone.depth,
      origin,
      seconds,
    });
    this.services.wake();
  }

  failed(id: number, reason: string): void {
    const clone = this.clones.get(id);
    if (clone) this.bindings.outcome(clone, reason);
    this.services.wake();
  }

  gone(id: number, reason: string, how: Death): void {
    const clone = this.clones.get(id);
    // What waits for it is dropped first.
    if (clone?.state === 'binding') this.failed(id, reason);
    else if (clone) this.clones.end(clone, how, reason);
  }

  override handlers() {
    const { clones, life, backend, accounts } = this;
    const tell = {
      imageOf: (clone: CloneRecord) => clones.imageOf(clone),
      delta: (id: number) => backend.delta(id),
      pid: (id: number) => backend.pid?.(id),
      account: (id: number) => accounts.get(id),
    };
    return {
      clones: { read: () => listClones([...clones, ...life.retirement], tell) },
      universes: { read: () => listUniverses(clones.universes) },
      ended: { read: () => listUniverses(clones.universes.memory) },
      tree: { read: (id: string) => tellTree(clones.universes, Number(id), tell.imageOf) },
    };
  }
}
