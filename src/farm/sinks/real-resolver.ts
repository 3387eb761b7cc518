import { createSocket } from 'node:dgram';
import { Resolver } from 'node:dns';
import { formatAddress, type Prefix, parseAddress, prefixMask } from '../../packet/address.js';
import { nameMatches, readNamePattern } from '../names.js';
import { Line, Mistake } from '../words.js';

export interface RealResolverOptions {
  readonly allowed: AllowedNames;
  /** The server that is asked, and its port. */
  readonly upstream: number;
  readonly port: number;
  /** Addresses that are ours to play. */
  readonly telescope: Prefix | undefined;
  /** Questions in a minute: of a clone, and of all. */
  readonly perClone: number;
  readonly perFarm: number;
  readonly clock: { readonly now: number };
  /** Stops all questions while it is on, as it stops all export. */
  readonly killSwitch: { readonly stopped: boolean };
  onRefusal(reason: RealRefusal): void;
}

/** Why a question does not go out, or an answer does not come in. */
export type RealRefusal = 'stopped' | 'rate' | 'tunnel' | 'rebinding' | 'failed';

export type RealResult = readonly { readonly address: number; readonly ttl: number }[] | 'nxdomain' | 'servfail';

/** What a name may be like that is asked for outside: data would be carried out in longer ones, or in many. */
const NAME = 80;
const LABELS = 6;
const LABEL = 30;
/** Different names below one domain that a clone may ask for in an hour, and domains. */
const NAMES = 32;
const DOMAINS = 64;
const MEMORY = 3600;
/** Clones whose questions are remembered at once. */
const CLONES = 4096;
const PENDING = 64;
const ANSWERS = 8;
const LONGEST_TTL = 300;
const TIMEOUT = 2000;

/** Networks of which no answer from outside may speak: private, shared, local, reserved and multicast ones (RFC 6890). */
const INSIDE: readonly Prefix[] = [
  '0.0.0.0/8',
  '10.0.0.0/8',
  '100.64.0.0/10',
  '127.0.0.0/8',
  '169.254.0.0/16',
  '172.16.0.0/12',
  '192.0.0.0/24',
  '192.168.0.0/16',
  '198.18.0.0/15',
  '224.0.0.0/3',
].map((text) => {
  const [address, length] = text.split('/');
  return { address: parseAddress(address!)!, length: Number(length) };
});

export class AllowedNamesError extends Error {}

/** The names that may be asked for outside: a pattern a line, `example.com` or `*.example.com`. */
export class AllowedNames {
  private readonly patterns: string[] = [];

  /** @throws {AllowedNamesError} that lists everything that is wrong. */
  constructor(text: string, file: string) {
    const problems: string[] = [];
    for (const [index, content] of text.split(/\r?\n/).entries()) {
      try {
        const line = new Line(content);
        if (line.done) continue;
        const { column } = line;
        const word = line.word('a name');
        const pattern = readNamePattern(word);
        if (pattern === undefined || pattern === '*')
          throw new Mistake(column, `expected a name such as example.com or *.example.com, not '${word}'`);
        if (!line.done) throw new Mistake(line.column, 'expected one name a line');
        this.patterns.push(pattern);
      } catch (error) {
        if (!(error instanceof Mistake)) throw error;
        problems.push(`${file}:${index + 1}:${error.column}: ${error.message}`);
      }
    }
    if (problems.length > 0) throw new AllowedNamesError(problems.join('\n'));
  }

  has(name: string): boolean {
    return this.patterns.some((pattern) => nameMatches(pattern, name));
  }
}

/** What one clone has asked for. */
interface Asker {
  since: number;
  minute: number;
  count: number;
  readonly domains: Map<string, Set<string>>;
}

/**
 * Asks a real server for names that a person has allowed. These are the only connections that the product itself opens to the
 * outside. What a question could carry out is bounded, and what an answer could lead clones to.
 */
export class RealResolver {
  private readonly options: RealResolverOptions;
  private readonly resolver = new Resolver({ timeout: TIMEOUT, tries: 1 });
  private readonly askers = new Map<number, Asker>();
  private pending = 0;
  private minute = 0;
  private count = 0;

  constructor(options: RealResolverOptions) {
    this.options = options;
    this.resolver.setServers([`${formatAddress(options.upstream)}:${options.port}`]);
  }

  /** @throws {Error} if no way leads to the server, as in a network namespace that has none. Sends nothing. */
  async start(): Promise<void> {
    const { upstream, port } = this.options;
    const socket = createSocket('udp4');
    try {
      await new Promise<void>((resolve, reject) => {
        socket.on('error', reject).on('connect', resolve);
        socket.connect(port, formatAddress(upstream));
      });
    } catch (error) {
      const { message } = error as Error;
      throw new Error(
        `RESOLVE: no way leads to UPSTREAM ${formatAddress(upstream)} from here; with --netns the namespace needs one (${message})`,
      );
    } finally {
      socket.close();
    }
  }

  stop(): void {
    this.resolver.cancel();
  }

  /** Questions that wait for an answer. */
  get waiting(): number {
    return this.pending;
  }

  allows(name: string): boolean {
    return this.options.allowed.has(name);
  }

  /** Asks for the addresses of a name that is allowed. `done` is called once, perhaps at once. */
  resolve(clone: number, name: string, done: (result: RealResult) => void): void {
    const { onRefusal } = this.options;
    const refusal = this.refusal(clone, name);
    if (refusal) {
      onRefusal(refusal);
      done(refusal === 'tunnel' ? 'nxdomain' : 'servfail');
      return;
    }
    this.pending++;
    this.resolver.resolve4(name, { ttl: true }, (error, records) => {
      this.pending--;
      if (error) {
        const none = error.code === 'ENOTFOUND' || error.code === 'ENODATA';
        if (!none) onRefusal('failed');
        done(none ? 'nxdomain' : 'servfail');
        return;
      }
      const all = records.map(({ address, ttl }) => ({
        address: parseAddress(address)!,
        ttl: Math.min(LONGEST_TTL, Math.max(0, ttl)),
      }));
      const outside = all.filter(({ address }) => !this.isInside(address));
      if (outside.length < all.length) onRefusal('rebinding');
      done(outside.length > 0 ? outside.slice(0, ANSWERS) : 'nxdomain');
    });
  }

  private isInside(address: number): boolean {
    const { telescope } = this.options;
    const prefixes = telescope ? [...INSIDE, telescope] : INSIDE;
    return prefixes.some((prefix) => ((address ^ prefix.address) & prefixMask(prefix.length)) === 0);
  }

  private refusal(clone: number, name: string): RealRefusal | undefined {
    if (this.options.killSwitch.stopped) return 'stopped';
    const labels = name.split('.');
    if (name.length > NAME || labels.length > LABELS || labels.some((label) => label.length > LABEL)) return 'tunnel';
    if (!labels.every((label) => /^[a-z0-9_-]+$/.test(label))) return 'tunnel';
    const { clock, perClone, perFarm } = this.options;
    const minute = Math.floor(clock.now / 60);
    if (minute !== this.minute) this.count = 0;
    this.minute = minute;
    const asker = this.askerOf(clone, minute);
    if (!asker || asker.count >= perClone || this.count >= perFarm || this.pending >= PENDING) return 'rate';
    // Below a domain that takes its names from everybody (example.co.uk) this is too strict, which does no harm.
    const domain = labels.slice(-2).join('.');
    const names = asker.domains.get(domain) ?? new Set<string>();
    const isNew = !names.has(name);
    if (isNew && (names.size >= NAMES || (names.size === 0 && asker.domains.size >= DOMAINS))) return 'tunnel';
    names.add(name);
    asker.domains.set(domain, names);
    asker.count++;
    this.count++;
    return undefined;
  }

  private askerOf(clone: number, minute: number): Asker | undefined {
    const { now } = this.options.clock;
    let asker = this.askers.get(clone);
    if (!asker || now - asker.since > MEMORY) {
      if (!asker && this.askers.size >= CLONES) this.forgetOld(now);
      if (!asker && this.askers.size >= CLONES) return undefined;
      asker = { since: now, minute, count: 0, domains: new Map() };
      this.askers.set(clone, asker);
    }
    if (asker.minute !== minute) asker.count = 0;
    asker.minute = minute;
    return asker;
  }

  private forgetOld(now: number): void {
    for (const [clone, { since }] of this.askers) if (now - since > MEMORY) this.askers.delete(clone);
  }
}
