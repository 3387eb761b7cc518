import { Images } from '../farm/images.js';
import { LearntNames } from '../farm/names.js';
import { SINKS_CONFIG } from '../farm/sinks/config.js';
import { readDatagram } from '../farm/sinks/datagram.js';
import { Endpoints } from '../farm/sinks/endpoints.js';
import { SINKS, type SinkName, SPEAKS } from '../farm/sinks/kinds.js';
import { measureSinks, SINKS_METRICS } from '../farm/sinks/metrics.js';
import type { Peer } from '../farm/sinks/peer.js';
import { Servers } from '../farm/sinks/servers.js';
import { Universes } from '../farm/universes.js';
import { formatAddress } from '../packet/address.js';
import type { Batch } from '../packet/batch.js';
import { FLOW } from '../packet/flow.js';
import { PROTOCOL } from '../packet/protocol.js';
import { Element, type Setup } from '../pipeline/element.js';
import { seedBytes } from '../pipeline/seed.js';
import type { Spec } from '../pipeline/spec.js';

const spec = {
  summary: 'plays servers that take everything from clones and pass nothing on: DNS, SMTP, HTTP, NTP',
  inputs: { in: 'packets that export policy redirects' },
  outputs: {
    pass: 'those that are not for a sink, unchanged',
    answer: 'what sinks answer, for the clones that talk to them',
  },
  config: SINKS_CONFIG,
  validate(config) {
    if (config['resolve'] !== undefined && config['upstream'] === undefined)
      return 'RESOLVE needs UPSTREAM, which to ask';
    return undefined;
  },
  drops: {
    universe: 'its universe is gone',
    protocol: 'its sink does not speak this protocol',
    fragment: 'a fragment: sinks do not reassemble',
    malformed: 'a TCP or UDP header that cannot be',
    checksum: 'its TCP or UDP checksum is wrong',
    crowded: 'there are as many connections as may be',
    memory: 'there is no memory for its connection',
    'outbox-full': 'an answer that had to wait for too many others',
  },
  metrics: SINKS_METRICS,
  handlers: { names: { read: 'what clones were told: universe, name and address, a line each' } },
  containment: { role: 'farm' },
} as const satisfies Spec;

/** Seconds between two looks for what is not needed any more. */
const ROUND = 5;
/** Names that the handler lists. */
const LISTED = 10_000;

/**
 * A sink plays a server of the Internet for whichever address a clone talks to, so that malware goes on: it asks for names and
 * gets answers, sends mail that is accepted and kept, fetches pages. Nothing of it leaves. Rules of export policy name sinks like
 * images: `udp and dst port 53 -> redirect dns`. Packets of a redirected flow that another clone answers, and those for an image,
 * pass.
 *
 * The DNS sink answers from a zone; other names do not exist, or get an address of a prefix, so that what the clone does next can
 * be seen. It asks nobody unless RESOLVE lists names. What each universe was told is remembered, and rules can ask for it: `name
 * "*.example.com" -> drop`.
 *
 * What a sink answers goes to the clone alone. `potemkin check` refuses a graph in which it could leave.
 *
 * @example
 *   farm :: CloneFarm -> CheckIPHeader -> [inside] flows :: FlowTable;
 *   flows[inside] -> export :: ExportPolicy(POLICY policies/sinks.policy);
 *   export[redirect] -> sinks :: Sinks(UNKNOWN 198.18.0.0/15);
 *   sinks[pass] -> farm;
 *   sinks[answer] -> farm;
 *   export[forward] -> Discard;
 *   export[reflect] -> Discard;
 *   export[drop] -> Discard;
 */
export class Sinks extends Element<typeof spec> {
  static readonly spec = spec;
  private readonly universes: Universes;
  private readonly images: Images;
  private readonly learnt: LearntNames;
  private made: Endpoints | undefined;
  private readonly endpointsKey: readonly [low: number, high: number];
  private readonly servers: Servers;
  /** The name of the sink by its number among images, plus 1. */
  private readonly names = new Map<number, SinkName>();

  constructor(setup: Setup<typeof spec>) {
    super(setup);
    const { config, services, metrics, name: element } = this;
    this.universes = services.shared(Universes);
    this.images = services.shared(Images);
    this.learnt = services.shared(LearntNames);
    for (const name of config.play) this.names.set(this.images.addSink(name) + 1, name);
    const seed = new DataView(Uint8Array.from(seedBytes(services.seed, element)).buffer);
    const key = (at: number) => [seed.getUint32(at), seed.getUint32(at + 4)] as const;
    this.servers = new Servers({ config, element, services, metrics, learnt: this.learnt, key: key(0) });
    this.endpointsKey = key(8);
    this.universes.onClose(({ id }) => this.made?.endUniverse(id));
  }

  /** Made for the first packet that a sink takes: most gateways have no use for it. */
  private get endpoints(): Endpoints {
    if (this.made) return this.made;
    const { services, config, servers } = this;
    this.made = new Endpoints({
      clock: services.clock,
      wake: () => services.wake(),
      key: this.endpointsKey,
      endpoints: config.endpoints,
      connections: config.connections,
      memory: config.memory,
      idle: config.idle,
      talk: (kind, peer, speaker) => servers.talk(SINKS[kind]!, peer, speaker),
    });
    return this.made;
  }

  override async start(): Promise<void> {
    const { images, services, config } = this;
    const both = config.play.find((name) => images.all.includes(name));
    if (both !== undefined)
      throw new Error(
        `'${both}' is the name of a sink and of an image of the farm; rename the image, or leave it out of PLAY`,
      );
    await this.servers.start();
    services.clock.every(ROUND, () => {
      this.made?.expire();
      measureSinks(this.metrics, this.made, this.learnt, this.servers.store);
    });
  }

  override async stop(): Promise<void> {
    // What connections were in the middle of is kept as well.
    this.made?.stop();
    await this.servers.stop();
  }

  override get waiting(): number {
    return (this.made?.waiting ?? 0) + this.servers.waiting;
  }

  override push(batch: Batch): void {
    const { packets, names, out } = this;
    for (let i = 0; i < batch.count; i++) {
      const row = batch.rows[i]!;
      const name = names.get(packets.image[row]!);
      if (name === undefined) out.pass.add(row);
      else if (packets.flowState[row]! & FLOW.reply) {
        // Another clone answers, and no image is to be made of a sink's number.
        packets.image[row] = 0;
        out.pass.add(row);
      } else if (!this.universes.get(packets.universe[row]!)) this.drops.universe.add(row);
      else if (packets.fragment[row] !== 0) this.drops.fragment.add(row);
      else this.take(row, name);
    }
  }

  private take(row: number, name: SinkName): void {
    const { packets, drops } = this;
    const proto = packets.proto[row]!;
    if (proto === PROTOCOL.tcp && SPEAKS[name].tcp) {
      const receipt = this.endpoints.receive(packets, row, SINKS.indexOf(name));
      if (receipt !== 'taken') {
        drops[receipt].add(row);
        return;
      }
    } else if (proto === PROTOCOL.udp && SPEAKS[name].udp) {
      const question = readDatagram(packets, row);
      if (typeof question === 'string') {
        drops[question].add(row);
        return;
      }
      this.datagram(row, name, question);
    } else {
      drops.protocol.add(row);
      return;
    }
    this.metrics.sink_taken[name].add(1);
    this.sent++;
  }

  private datagram(row: number, name: SinkName, question: Uint8Array): void {
    const { packets, endpoints } = this;
    const from = packets.sport[row]!;
    // Nobody asks from port 0, so nothing would take the answer.
    if (from === 0) return;
    const peer: Peer = {
      universe: packets.universe[row]!,
      clone: packets.clone[row]!,
      address: packets.src[row]!,
      target: packets.dst[row]!,
      port: packets.dport[row]!,
    };
    this.servers.datagram(name, peer, question, (answer) => endpoints.datagram(peer, from, answer));
  }

  override pull(max: number): boolean {
    const { packets, made: endpoints } = this;
    if (!endpoints) return false;
    for (let n = 0; n < max; n++) {
      const row = endpoints.collect(packets);
      if (row === -1) break;
      if (this.universes.get(packets.universe[row]!)) this.out.answer.add(row);
      else this.drops.universe.add(row);
    }
    const lost = endpoints.overflowed - this.drops['outbox-full'].value;
    if (lost > 0) this.drops['outbox-full'].lose(lost);
    return endpoints.waiting > 0;
  }

  override handlers() {
    return {
      names: {
        read: () => {
          const lines: string[] = [];
          for (const { universe, name, address: told } of this.learnt.list()) {
            if (lines.length === LISTED) break;
            lines.push(`${universe}\t${name}\t${formatAddress(told)}`);
          }
          return lines.join('\n');
        },
      },
    };
  }
}
