/**
 * Says of each packet that leaves whether it may: from what clones and the outside have sent, and what the policies say. It
 * knows nothing of how the gateway comes to its decisions, so it states what must hold at least, and is slow.
 */
import { unplayable } from '../../../src/packet/address.js';
import { conversation, datagram, essence, isError, isLater, isSyn, type Look, look, opens } from './bytes.js';
import type { GraphData } from './graphs.js';
import { type Guest, Violation } from './guest.js';
import { Owners } from './owners.js';
import {
  classOf,
  type Facts,
  firstMatch,
  type PolicyData,
  protocolOf,
  type Rule,
  readsPayload,
} from './policy-data.js';
import { Quotas } from './quotas.js';
import { type Talk, Talks } from './talks.js';

interface World {
  readonly guests: Map<number, Guest>;
  /** The greatest depth of a guest; and the greatest that one may have had which never got a packet. */
  depth: number;
  most: number;
  /** Guests that have not got a packet, also of those that are gone. */
  unknown: number;
  /** The packet from outside with which it began. */
  root: Look | undefined;
}

interface Sent {
  readonly guest: Guest;
  readonly packet: Look;
  readonly key: string;
  readonly before: Omit<Moment, 'toClone'> & { toClone: boolean };
  remaining: number;
  left: boolean;
}

interface Moment {
  readonly toClone: boolean;
  readonly depth: number;
  readonly most: number;
}

interface Guard {
  policy: PolicyData;
  version: number;
  readonly quotas: Quotas;
}

export interface Stats {
  [name: string]: number;
}

export class Oracle {
  readonly guests = new Map<number, Guest>();
  stopped = false;
  private readonly graph: GraphData;
  private readonly stats: Stats;
  private readonly now: () => number;
  private readonly guards = new Map<string, Guard>();
  private readonly worlds = new Map<number, World>();
  private readonly talks: Talks;
  /** First fragments: datagrams, and the conversations that they could be of. */
  private readonly fragments = new Map<string, { readonly talk: string; readonly at: number }[]>();
  private readonly outside: Look[] = [];
  /** Who has a conversation with the outside. */
  private readonly owners: Owners;
  /** What comes from outside and no clone has got yet. */
  private readonly awaited = new Set<Look>();
  private sent: Sent[] = [];
  private exits: { readonly tunnel: string; readonly packet: Look; readonly sent: Sent }[] = [];
  private step = 0;

  constructor(graph: GraphData, policies: ReadonlyMap<string, PolicyData>, now: () => number, stats: Stats) {
    this.graph = graph;
    this.now = now;
    this.talks = new Talks(now);
    this.owners = new Owners(now);
    this.stats = stats;
    for (const [name, policy] of policies)
      this.guards.set(name, { policy, version: 0, quotas: new Quotas(policy, now()) });
  }

  private count(what: string): void {
    this.stats[what] = (this.stats[what] ?? 0) + 1;
  }

  reload(name: string, policy: PolicyData): void {
    const guard = this.guards.get(name)!;
    guard.policy = policy;
    guard.version++;
    guard.quotas.install(policy, this.now());
    this.owners.reload();
  }

  born(guest: Guest): void {
    if (this.guests.has(guest.id)) throw new Violation(`number ${guest.id} is given to a second clone`);
    this.guests.set(guest.id, guest);
    const world = this.worlds.get(guest.universe) ?? {
      guests: new Map(),
      depth: 0,
      most: 0,
      unknown: 0,
      root: undefined,
    };
    // Who called for it shows with its first packet, which may never come.
    world.most = Math.max(world.most, world.depth) + 1;
    world.unknown++;
    this.worlds.set(guest.universe, world);
    world.guests.set(guest.address, guest);
  }

  gone(id: number): void {
    const guest = this.guests.get(id)!;
    guest.alive = false;
    const world = this.worlds.get(guest.universe)!;
    if (world.guests.get(guest.address) === guest) world.guests.delete(guest.address);
    // What it has sent and nobody has taken yet goes with it.
    this.sent = this.sent.filter((each) => each.guest !== guest);
  }

  /** A packet from outside enters. @returns the number that it is to bear */
  enters(bytes: Buffer): void {
    const packet = look(bytes)!;
    this.outside.push(packet);
    const name = conversation(packet, 'dst');
    if (!isError(packet)) this.awaited.add(packet);
    if (name !== undefined)
      for (const universe of this.worlds.keys()) this.talks.touch(`${universe} ${packet.dst} ${name}`);
    // A fragment is of some conversation of these two.
    if (!isLater(packet)) return;
    for (const talk of this.talks) if (talk.name.includes(` ${packet.dst} `)) this.talks.touch(talk.name);
  }

  /** A clone is about to send a packet. */
  sends(guest: Guest, bytes: Buffer): void {
    const packet = look(bytes);
    this.count('packets judged');
    if (!packet || !guest.alive) return;
    const key = essence(bytes.subarray(0, packet.total), packet, this.graph.spoilt);
    const before = this.moment(guest, packet);
    this.sent.push({ guest, packet, key, before, remaining: this.graph.copies, left: false });
    if (packet.src !== guest.address) return;
    for (const { talk } of isLater(packet) ? this.fragmentsOf(guest, packet) : []) this.talks.touch(talk);
    const talk = this.talkOf(guest, packet);
    if (!talk) return;
    this.talks.touch(talk);
    this.talks.touch(`${guest.universe} ${packet.dst} ${conversation(packet, 'dst')}`);
    if (opens(packet)) this.talks.note(this.talks.open(talk), 'begun');
    if (packet.more && !isError(packet)) {
      const name = `${guest.universe} ${datagram(packet)}`;
      this.fragments.set(name, [...(this.fragments.get(name) ?? []), { talk, at: this.now() }]);
    }
  }

  private moment(guest: Guest, packet: Look): Moment {
    const world = this.worlds.get(guest.universe)!;
    return { toClone: world.guests.has(packet.dst), depth: world.depth, most: Math.max(world.depth, world.most) };
  }

  private talkOf(guest: Guest, packet: Look): string | undefined {
    const name = conversation(packet, 'src');
    return name && `${guest.universe} ${guest.address} ${name}`;
  }

  /** A clone gets a packet. */
  delivered(guest: Guest, bytes: Buffer): void {
    const packet = look(bytes);
    if (!packet) return;
    const fail = (why: string): never => {
      throw new Violation(`${why}: clone ${guest.id} of universe ${guest.universe} got ${bytes.toString('hex')}`);
    };
    this.count('packets delivered');
    // A graph that was spoilt may lead packets to clones whose headers nobody has read.
    if (packet.dst !== guest.address && !this.graph.spoilt) fail('what is for another address is delivered');
    const world = this.worlds.get(guest.universe)!;
    const first = guest.depth === 0;
    const name = conversation(packet, 'dst');
    const full = name && `${guest.universe} ${guest.address} ${name}`;
    if (packet.id === 0) {
      if (!this.sent.some((each) => each.guest === guest && each.packet.dst === packet.src))
        fail('the gateway refuses what nobody has sent');
      this.count('refusals delivered');
    } else if (packet.id < 0x8000) {
      const sender = this.guests.get(packet.id) ?? fail('nobody has sent it');
      if (sender.universe !== guest.universe) fail(`it comes from universe ${sender.universe}`);
      if (sender.address !== packet.src) fail('it comes from another address');
      if (first) guest.depth = sender.depth + 1;
      this.count('packets of clones delivered');
      if (full && opens(packet)) this.talks.note(this.talks.open(full), 'answer');
    } else {
      const whole = this.outside[packet.id & 0x7fff] ?? fail('nobody outside has sent it');
      this.awaited.delete(whole);
      if (first) {
        guest.depth = 1;
        guest.contacted = true;
      }
      if (!world.root) world.root = whole;
      else if (!this.graph.spoilt && !this.belongs(world.root, packet, full))
        fail('it is of somebody who has nothing to do with its universe');
      if (full && !isError(packet) && !isLater(packet)) {
        const talk = this.talks.open(full);
        if (opens(packet)) this.talks.note(talk, 'reply');
        this.own(guest, name, talk.ways.size === 1 && talk.ways.has('reply') ? 'begun outside' : 'left');
      }
    }
    world.depth = Math.max(world.depth, guest.depth);
    if (first && --world.unknown === 0) world.most = world.depth;
  }

  /** Whether a packet from outside may come into a universe that began with another one. */
  private belongs(root: Look, packet: Look, full: string | undefined): boolean {
    // It answers what a rule lets the clone begin, whether or not that has got out.
    if (full && this.talks.get(full)?.expected) return true;
    if (isError(packet)) return full !== undefined && this.talks.get(full) !== undefined;
    const { key } = this.graph;
    if (packet.src === root.src && key === 'source') return true;
    if (packet.src !== root.src || packet.dst !== root.dst) return false;
    return key === 'pair' || isLater(packet) || conversation(packet, 'dst') === conversation(root, 'dst');
  }

  /** Notes who has a conversation with the outside, where a graph makes sure that it is one's alone. */
  private own(guest: Guest, name: string | undefined, how: 'left' | 'begun outside'): void {
    if (name === undefined || this.graph.passed === undefined || this.graph.tunnels.length > 1) return;
    this.owners.own(guest, name, how);
  }

  /** A packet leaves. It is judged when the gateway rests. */
  leaves(tunnel: string, clone: number, bytes: Buffer): void {
    const packet = look(bytes);
    const fail: (why: string) => never = (why) => {
      throw new Violation(`${why}: ${tunnel} sends ${bytes.toString('hex')} of clone ${clone}`);
    };
    if (!packet) fail('what is no packet leaves');
    if (this.stopped) fail('export is stopped');
    // A graph may hand on what comes from outside; that is no matter of containment.
    if (this.graph.spoilt && clone === 0 && packet.id >= 0x8000) {
      this.count('packets of the outside handed on');
      return;
    }
    const guest = this.guests.get(clone) ?? fail('it is of no clone');
    if (packet.src !== guest.address) fail('a forged source leaves');
    const key = essence(bytes, packet, this.graph.spoilt);
    const sent = this.sent.find((each) => each.guest === guest && each.key === key && each.remaining > 0);
    if (!sent) fail('the clone has not sent this now');
    sent.remaining--;
    sent.left = true;
    if (packet.header > 20) fail('it carries IP options');
    if (unplayable(packet.dst)) fail('it is for nobody');
    this.exits.push({ tunnel, packet, sent });
    this.own(guest, conversation(packet, 'src'), 'left');
  }

  /** The gateway rests: judges what has left since it did last. */
  rest(): void {
    for (const sent of this.sent) this.license(sent);
    for (const { tunnel, packet, sent } of this.exits) this.judge(tunnel, packet, sent);
    this.owners.rest(this.sent, this.awaited);
    this.awaited.clear();
    this.sent = [];
    this.exits = [];
    this.step++;
  }

  /** The conversations that a packet may be of. */
  private talksOf({ guest, packet }: Sent): Talk[] {
    if (packet.src !== guest.address) return [];
    const name = this.talkOf(guest, packet);
    const names = !isLater(packet) ? [name] : this.fragmentsOf(guest, packet).map(({ talk }) => talk);
    return names.flatMap((each) => (each !== undefined && this.talks.get(each)) || []);
  }

  private fragmentsOf({ universe }: Guest, packet: Look) {
    const all = this.fragments.get(`${universe} ${datagram(packet)}`) ?? [];
    return all.filter(({ at }) => this.now() - at <= 31);
  }

  private facts({ guest, packet, before }: Sent, talk: Talk): Facts[] {
    const after = this.moment(guest, packet);
    const root = this.worlds.get(guest.universe)!.root;
    const found: Facts[] = [];
    // What one clone answers another never leaves.
    const ways = [...talk.ways].filter((way) => way !== 'answer' && (way !== 'reply' || !isSyn(packet)));
    const inside = new Set([before.toClone, after.toClone]);
    for (const way of ways) {
      for (const age of this.talks.ages(talk)) {
        for (const toClone of way === 'begun' ? inside : [false]) {
          for (let depth = before.depth; depth <= after.most; depth++) {
            const { contacted, image } = guest;
            found.push({
              way,
              age,
              toClone,
              depth,
              contacted,
              image,
              toOriginator: packet.dst === root?.src,
              kind: 'closed',
            });
          }
        }
      }
    }
    return found;
  }

  /** Notes what policies may decide because of a packet. */
  private license(sent: Sent): void {
    const { packet } = sent;
    // What is left of a datagram decides nothing.
    if (isLater(packet)) return;
    for (const talk of this.talksOf(sent)) {
      for (const facts of this.facts(sent, talk)) {
        for (const [name, { policy, version }] of this.guards) {
          const rule = firstMatch(policy, packet, facts);
          if (rule?.action.verdict !== 'forward') continue;
          talk.expected = true;
          // Nor does what one begins that only clones have reached.
          if (facts.way === 'begun' && !sent.guest.contacted) continue;
          if (!policy.ceiling.some((entry) => entry.holds(packet, facts.way))) continue;
          const key = `${name} ${version}`;
          const licences = talk.licences.get(key) ?? new Map<Rule, Set<string>>();
          talk.licences.set(key, licences);
          const when = licences.get(rule) ?? new Set();
          // An error is decided by itself, and decides nothing for others.
          const own = isError(packet) ? ` ${this.step}` : '';
          licences.set(rule, when.add(`${facts.way} ${classOf(policy, facts.age)} ${packet.payload.length > 0}${own}`));
        }
      }
    }
  }

  private judge(tunnel: string, packet: Look, sent: Sent): void {
    const { guest } = sent;
    const fail = (why: string): never => {
      const ways = this.talksOf(sent).map(({ ways }) => [...ways].join('+'));
      throw new Violation(
        `${why}: clone ${guest.id} to ${packet.dst.toString(16)}, ${JSON.stringify({ ...packet, ways })}`,
      );
    };
    if (isLater(packet) && packet.proto === 6 && packet.offset === 1) fail('a fragment overlaps TCP flags');
    const talks = this.talksOf(sent);
    if (talks.length === 0) fail('it is of no conversation');
    const asked = this.graph.passed?.(packet, tunnel);
    const needed = asked ?? [...this.guards.keys()];
    let licensed = 0;
    for (const name of needed) {
      const guard = this.guards.get(name)!;
      const found = talks.flatMap((talk) => this.rulesFor(talk, name, guard, packet).map((rule) => ({ talk, rule })));
      if (found.length === 0 && asked) fail(`no rule of ${name} licenses it`);
      licensed += found.length;
      if (found.length !== 1 || !asked) {
        if (found.length > 1) this.count('left by one of several rules');
        continue;
      }
      const { talk, rule } = found[0]!;
      const over = guard.quotas.take(rule, packet, guest, talk.name, this.now());
      if (over) fail(`it is beyond the quota '${over}' of ${name}`);
      if (rule.action.limits.length > 0) this.count('left within quotas');
    }
    if (licensed === 0) fail('no rule of any policy licenses it');
    this.tally(packet, talks);
  }

  private rulesFor(talk: Talk, name: string, { policy, version }: Guard, packet: Look): Rule[] {
    const classes = new Set(this.talks.ages(talk).map((age) => classOf(policy, age)));
    const payload = readsPayload(policy) && packet.payload.length > 0 && !isLater(packet);
    const fits = (when: string) => {
      const [way, reached, had, step] = when.split(' ');
      // A SYN begins something anew, and is no answer.
      if (isSyn(packet) && way !== 'begun') return false;
      if (step !== (isError(packet) ? String(this.step) : undefined)) return false;
      return classes.has(Number(reached)) && (!payload || had === 'true');
    };
    return [...(talk.licences.get(`${name} ${version}`) ?? [])]
      .filter(([, when]) => [...when].some(fits))
      .map(([rule]) => rule);
  }

  private tally(packet: Look, talks: readonly Talk[]): void {
    const ways = talks.map(({ ways }) => [...ways].join('+'))[0];
    this.count('packets left');
    this.count(`left as ${ways}`);
    this.count(`left ${protocolOf(packet)}`);
    if (isLater(packet)) this.count('left later fragments');
    if (isError(packet)) this.count('left errors');
  }
}
