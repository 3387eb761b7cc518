import { join } from 'node:path';
import type { Services } from '../../pipeline/element.js';
import type { LearntNames } from '../names.js';
import type { SinksConfig } from './config.js';
import { DnsSink, DnsTalk } from './dns.js';
import { HttpTalk } from './http.js';
import { Budget, type Keeping } from './kept-message.js';
import type { SinkName } from './kinds.js';
import type { SinksMetrics } from './metrics.js';
import { answerNtp } from './ntp.js';
import type { Peer, Reporter, Speaker, Talk } from './peer.js';
import { RealResolver } from './real-resolver.js';
import { SmtpTalk } from './smtp.js';
import { SinkStore } from './store.js';

export interface ServersOptions {
  readonly config: SinksConfig;
  /** The element whose servers they are. */
  readonly element: string;
  readonly services: Services;
  readonly metrics: SinksMetrics;
  readonly learnt: LearntNames;
  /** 64 bits by which addresses of unknown names are chosen. */
  readonly key: readonly [low: number, high: number];
}

const PAGE = '<html><head><title>Welcome</title></head><body><h1>It works!</h1></body></html>\n';

/** The servers that sinks play, whatever their addresses, and what these share. */
export class Servers {
  readonly store: SinkStore;
  private readonly config: SinksConfig;
  private readonly services: Services;
  private readonly real: RealResolver | undefined;
  private readonly dns: DnsSink;
  private readonly keeping: Keeping;

  constructor({ config, element, services, metrics, learnt, key }: ServersOptions) {
    const { clock } = services;
    this.config = config;
    this.services = services;
    const reporter: Reporter = {
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
      warn: (message) => services.event({ kind: 'warning', element, message }),
    });
    const { message, memory } = config;
    this.keeping = { message, budget: new Budget(memory), store: this.store, reporter };
    this.real = makeResolver(config, services, metrics);
    this.dns = new DnsSink({
      zone: config.zone,
      unknown: config.unknown,
      real: this.real,
      key,
      rate: config.questions,
      learnt,
      reporter,
      onAnswer: (code) => metrics.sink_dns_answers[code].add(1),
      onExcess: () => metrics.sink_dns_excess.add(1),
    });
  }

  /** @throws {Error} if real answers cannot be asked for, or what is kept cannot be read */
  async start(): Promise<void> {
    if (this.real && this.services.clock.virtual)
      throw new Error('RESOLVE: a replay asks nobody, so that it can be repeated');
    await this.real?.start();
    await this.store.open();
  }

  /** Waits until everything that was to be kept is. */
  async stop(): Promise<void> {
    this.real?.stop();
    await this.store.close();
  }

  /** Questions that wait for an answer from outside. */
  get waiting(): number {
    return this.real?.waiting ?? 0;
  }

  /** What talks on a new TCP connection. */
  talk(name: SinkName, peer: Peer, speaker: Speaker): Talk {
    const { keeping } = this;
    const { host, banner, server, page = Buffer.from(PAGE) } = this.config;
    if (name === 'dns') return new DnsTalk(peer, speaker, this.dns);
    if (name === 'smtp') return new SmtpTalk(peer, speaker, { host, banner, ...keeping });
    return new HttpTalk(peer, speaker, { server, page, ...keeping });
  }

  /** Answers a UDP datagram, now or later, or not at all. */
  datagram(name: SinkName, peer: Peer, question: Uint8Array, reply: (answer: Uint8Array) => void): void {
    if (name === 'dns') {
      this.dns.datagram(peer, question, reply);
      return;
    }
    const answer = answerNtp(question, this.services.clock.now);
    if (answer) reply(answer);
  }

  private tell({ universe, clone, address: source, target, port }: Peer, what: string): void {
    this.services.event({ kind: 'sink', clone, universe, source, target, port, what });
  }
}

function makeResolver(
  { resolve, upstream, upstreamPort, upstreamClone, upstreamFarm, telescope }: SinksConfig,
  { clock, killSwitch }: Services,
  metrics: SinksMetrics,
): RealResolver | undefined {
  if (resolve === undefined || upstream === undefined) return undefined;
  return new RealResolver({
    allowed: resolve,
    upstream,
    port: upstreamPort,
    telescope,
    perClone: upstreamClone,
    perFarm: upstreamFarm,
    clock,
    killSwitch,
    onRefusal: (reason) => metrics.sink_real_refusals[reason].add(1),
  });
}
