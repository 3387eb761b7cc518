import { join } from 'node:path';
import { Images } from '../farm/images.js';
import { LearntNames } from '../farm/names.js';
import { checksum, pseudoHeader } from '../farm/simulated/checksum.js';
import { DnsSink, DnsTalk } from '../farm/sinks/dns.js';
import { Endpoints } from '../farm/sinks/endpoints.js';
import { HttpTalk } from '../farm/sinks/http.js';
import { SINKS, type SinkName, SPEAKS } from '../farm/sinks/kinds.js';
import { answerNtp } from '../farm/sinks/ntp.js';
import { Budget, type Peer, type Reporter, type Speaker, type Talk } from '../farm/sinks/peer.js';
import { AllowedNames, RealResolver } from '../farm/sinks/real-resolver.js';
import { SmtpTalk } from '../farm/sinks/smtp.js';
import { SinkStore } from '../farm/sinks/store.js';
import { Zone } from '../farm/sinks/zone.js';
import { Universes } from '../farm/universes.js';
import { formatAddress, type Prefix, parsePrefix } from '../packet/address.js';
import type { Batch } from '../packet/batch.js';
import { FLOW } from '../packet/flow.js';
import { PROTOCOL } from '../packet/protocol.js';
import { Element, type Setup } from '../pipeline/element.js';
import { seedBytes } from '../pipeline/seed.js';
import type { Spec } from '../pipeline/spec.js';
import {
  address,
  bytes,
  choice,
  count,
  custom,
  fileValue,
  optional,
  seconds,
  text,
  ValueError,
} from '../pipeline/values.js';

/** A prefix, or a word for none. */
const prefix = (doc: string, none?: string) =>
  custom<Prefix | undefined>('prefix', undefined, doc, (value) => {
    if (none !== undefined && value.toLowerCase() === none) return undefined;
    const read = parsePrefix(value);
    if (!read) throw new ValueError(`expected a prefix such as 198.18.0.0/15${none ? `, or ${none}` : ''}`);
    return read;
  });

const PAGE = '<html><head><title>Welcome</title></head><body><h1>It works!</h1></body></html>\n';
const LONGEST_PAGE = 2 ** 20;

const spec = {
  summary: 'plays servers that take everything from clones and pass nothing on: DNS, SMTP, HTTP, NTP',
  inputs: { in: 'packets that export policy redirects' },
  outputs: {
    pass: 'those that are not for a sink, unchanged',
    answer: 'what sinks answer, for the clones that talk to them',
  },
  config: {
    play: custom<readonly SinkName[]>(
      'sinks',
      SINKS,
      `Which sinks there are: ${SINKS.join(' ')}. A rule names them: redirect dns.`,
      (value) => {
        const names = value.split(/\s+/).map((name) => {
          const known = SINKS.find((each) => each === name);
          if (known === undefined) throw new ValueError(`expected sinks such as '${SINKS.join(' ')}', not '${name}'`);
          return known;
        });
        return [...new Set(names)];
      },
      (value) => value.join(' '),
    ),
    zone: optional(
      fileValue('zone', 'Names that the DNS sink knows: lines of name, type and value. See docs/sinks.md.', {
        read: (content, file) => new Zone(content, file),
      }),
    ),
    unknown: optional(
      prefix('Prefix of which a name that the zone does not know gets an address; or nxdomain.', 'nxdomain'),
    ),
    questions: count(50, 'DNS questions of a clone in a second. What is more is not answered.', { min: 1 }),
    resolve: optional(
      fileValue('list of names', 'Names that are looked up for real, at UPSTREAM; a pattern a line. Default: none.', {
        read: (content, file) => new AllowedNames(content, file),
      }),
    ),
    upstream: optional(address(undefined, 'The DNS server that is asked for them.')),
    upstreamPort: count(53, 'Its port.', { min: 1, max: 65_535 }),
    upstreamClone: count(30, 'Questions to it in a minute for each clone.', { min: 1 }),
    upstreamFarm: count(300, 'The same for all clones together.', { min: 1 }),
    telescope: optional(prefix('Addresses that are ours to play: no real answer may lead there.')),
    host: text('mail', 'What the SMTP sink calls itself.'),
    banner: text('ESMTP Postfix', 'What it says after its name when it greets.'),
    server: text('Apache', 'What the HTTP sink says it is.'),
    page: optional(
      fileValue('page', 'The page that it has for every path of every host.', {
        read: (content) => {
          const page = Buffer.from(content);
          if (page.length > LONGEST_PAGE) throw new Error(`expected at most ${LONGEST_PAGE} bytes`);
          return page;
        },
      }),
    ),
    store: choice(
      ['on', 'off', 'always'],
      'on',
      'Whether mails and requests are kept, in the folder sinks of the state folder: in a replay only `always`.',
    ),
    items: count(10_000, 'Mails and requests that the folder may hold. When it is full no more are kept.'),
    itemBytes: bytes(2 ** 30, 'Bytes that they may take.'),
    message: bytes(256 * 1024, 'Bytes that are kept of one mail, or of the body of one request.'),
    endpoints: count(4096, 'Addresses that sinks play at once; the one that was quiet longest goes first.', { min: 1 }),
    connections: count(4096, 'TCP connections to all of them.', { min: 1 }),
    memory: bytes(64 * 2 ** 20, 'Memory for connections, and again as much for what is said on them.'),
    idle: seconds(120, 'Time after which an address that nobody talks to is forgotten.'),
  },
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
  metrics: {
    sink_taken: {
      kind: 'counter',
      doc: 'packets that a sink has taken',
      label: { name: 'sink', values: SINKS },
    },
    sink_dns_answers: {
      kind: 'counter',
      doc: 'answers of the DNS sink, by code',
      label: { name: 'code', values: ['noerror', 'formerr', 'servfail', 'nxdomain', 'notimp'] },
    },
    sink_dns_excess: {
      kind: 'counter',
      doc: 'DNS questions that were not answered because the clone had asked too many',
    },
    sink_real_refusals: {
      kind: 'counter',
      doc: 'questions that were not asked outside, and answers that were not passed on, by why',
      label: { name: 'reason', values: ['stopped', 'rate', 'tunnel', 'rebinding', 'failed'] },
    },
    sink_kept: {
      kind: 'gauge',
      doc: 'mails and requests since the start, by what became of them',
      label: { name: 'outcome', values: ['stored', 'full', 'busy', 'failed'] },
    },
    sink_played: {
      kind: 'gauge',
      doc: 'addresses that sinks play, connections to them, and names that are remembered',
      label: { name: 'what', values: ['endpoints', 'connections', 'names'] },
    },
    sink_forgotten: {
      kind: 'gauge',
      doc: 'what was forgotten since the start because there was no room',
      label: { name: 'what', values: ['endpoints', 'names'] },
    },
  },
  handlers: { names: { read: 'what clones were told: universe, name and address, a line each' } },
  containment: { role: 'farm' },
} as const satisfies Spec;

/** Seconds between two looks for what is not needed any more. */
const ROUND = 5;
const UDP_HEADER = 8;
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
  private readonly dns: DnsSink;
  private readonly real: RealResolver | undefined;
  private readonly store: SinkStore;
  private readonly budget: Budget;
  /** The name of the sink by its number among images, plus 1. */
  private readonly names = new Map<number, SinkName>();
  private readonly reporter: Reporter;

  constructor(setup: Setup<typeof spec>) {
    super(setup);
    const { config, services, metrics } = this;
    const { clock } = services;
    this.universes = services.shared(Universes);
    this.images = services.shared(Images);
    this.learnt = services.shared(LearntNames);
    for (const name of config.play) this.names.set(this.images.addSink(name) + 1, name);
    this.budget = new Budget(config.memory);
    this.reporter = {
      tell: (peer, what) => this.tell(peer, what),
      get now() {
        return clock.now;
      },
    };
    const keeps = config.store === 'always' || (config.store === 'on' && !clock.virtual);
    this.store = new SinkStore({
      folder: keeps ? join(services.state, 'sinks') : undefined,
      items: config.items,
      bytes: config.itemBytes,
      clock,
      warn: (message) => services.event({ kind: 'warning', element: this.name, message }),
    });
    const seed = new DataView(Uint8Array.from(seedBytes(services.seed, this.name)).buffer);
    const key = (at: number) => [seed.getUint32(at), seed.getUint32(at + 4)] as const;
    this.real = this.makeResolver();
    this.dns = new DnsSink({
      zone: config.zone,
      unknown: config.unknown,
      real: this.real,
      key: key(0),
      rate: config.questions,
      learnt: this.learnt,
      reporter: this.reporter,
      onAnswer: (code) => metrics.sink_dns_answers[code].add(1),
      onExcess: () => metrics.sink_dns_excess.add(1),
    });
    this.endpointsKey = key(8);
    this.universes.onClose(({ id }) => this.made?.endUniverse(id));
  }

  /** Made for the first packet that a sink takes: most gateways have no use for it. */
  private get endpoints(): Endpoints {
    if (this.made) return this.made;
    const { services, config } = this;
    this.made = new Endpoints({
      clock: services.clock,
      wake: () => services.wake(),
      key: this.endpointsKey,
      endpoints: config.endpoints,
      connections: config.connections,
      memory: config.memory,
      idle: config.idle,
      talk: (kind, peer, speaker) => this.makeTalk(SINKS[kind]!, peer, speaker),
    });
    return this.made;
  }

  private makeResolver(): RealResolver | undefined {
    const { resolve, upstream, upstreamPort, upstreamClone, upstreamFarm, telescope } = this.config;
    if (resolve === undefined || upstream === undefined) return undefined;
    return new RealResolver({
      allowed: resolve,
      upstream,
      port: upstreamPort,
      telescope,
      perClone: upstreamClone,
      perFarm: upstreamFarm,
      clock: this.services.clock,
      killSwitch: this.services.killSwitch,
      onRefusal: (reason) => this.metrics.sink_real_refusals[reason].add(1),
    });
  }

  private makeTalk(name: SinkName, peer: Peer, speaker: Speaker): Talk {
    const { config, budget, store, reporter } = this;
    const kept = { budget, store, reporter };
    if (name === 'dns') return new DnsTalk(peer, speaker, this.dns);
    if (name === 'smtp')
      return new SmtpTalk(peer, speaker, { host: config.host, banner: config.banner, mail: config.message, ...kept });
    const page = config.page ?? Buffer.from(PAGE);
    return new HttpTalk(peer, speaker, { server: config.server, page, body: config.message, ...kept });
  }

  override async start(): Promise<void> {
    const { images, services, config } = this;
    const both = config.play.find((name) => images.all.includes(name));
    if (both !== undefined)
      throw new Error(
        `'${both}' is the name of a sink and of an image of the farm; rename the image, or leave it out of PLAY`,
      );
    if (this.real && services.clock.virtual)
      throw new Error('RESOLVE: a replay asks nobody, so that it can be repeated');
    await this.real?.start();
    await this.store.open();
    services.clock.every(ROUND, () => {
      this.made?.expire();
      this.measure();
    });
  }

  override async stop(): Promise<void> {
    this.real?.stop();
    this.made?.stop();
    await this.store.close();
  }

  override get waiting(): number {
    return (this.made?.waiting ?? 0) + (this.real?.waiting ?? 0);
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
    const { packets } = this;
    const proto = packets.proto[row]!;
    if (proto === PROTOCOL.tcp && SPEAKS[name].tcp) {
      const receipt = this.endpoints.receive(packets, row, SINKS.indexOf(name));
      if (receipt !== 'taken') {
        this.drops[receipt].add(row);
        return;
      }
    } else if (proto === PROTOCOL.udp && SPEAKS[name].udp) {
      const at = packets.start[row]! + packets.ipHeader[row]!;
      const length = packets.start[row]! + packets.length[row]! - at;
      const said = length < UDP_HEADER ? 0 : packets.view.getUint16(at + 4);
      if (said < UDP_HEADER || said > length) {
        this.drops.malformed.add(row);
        return;
      }
      const sum = pseudoHeader(packets.src[row]!, packets.dst[row]!, PROTOCOL.udp, said);
      if (packets.view.getUint16(at + 6) !== 0 && checksum(packets.bytes, at, said, sum) !== 0) {
        this.drops.checksum.add(row);
        return;
      }
      this.datagram(row, name, packets.bytes.slice(at + UDP_HEADER, at + said));
    } else {
      this.drops.protocol.add(row);
      return;
    }
    this.metrics.sink_taken[name].add(1);
    this.sent++;
  }

  private datagram(row: number, name: SinkName, question: Uint8Array): void {
    const { packets, endpoints } = this;
    const from = packets.sport[row]!;
    const peer: Peer = {
      universe: packets.universe[row]!,
      clone: packets.clone[row]!,
      address: packets.src[row]!,
      target: packets.dst[row]!,
      port: packets.dport[row]!,
    };
    // Nobody asks from port 0, so nothing would take the answer.
    if (from === 0) return;
    if (name === 'dns') {
      this.dns.datagram(peer, question, (answer) => endpoints.datagram(peer, from, answer));
      return;
    }
    const answer = answerNtp(question, this.now());
    if (answer) endpoints.datagram(peer, from, answer);
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

  private tell({ universe, clone, address: source, target, port }: Peer, what: string): void {
    this.services.event({ kind: 'sink', clone, universe, source, target, port, what });
  }

  private measure(): void {
    const { metrics, made, learnt, store } = this;
    metrics.sink_played.endpoints.set(made?.size ?? 0);
    metrics.sink_played.connections.set(made?.talks ?? 0);
    metrics.sink_played.names.set(learnt.size);
    metrics.sink_forgotten.endpoints.set(made?.evicted ?? 0);
    metrics.sink_forgotten.names.set(learnt.forgotten);
    for (const outcome of ['stored', 'full', 'busy', 'failed'] as const)
      metrics.sink_kept[outcome].set(store.counts[outcome]);
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
