/** A gateway whose clones and tunnels belong to the test, and an oracle that looks on. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Images } from '../../../src/farm/images.js';
import type { CheckedGraph } from '../../../src/pipeline/check.js';
import { Clock } from '../../../src/pipeline/clock.js';
import { Engine } from '../../../src/pipeline/engine.js';
import { KillSwitch } from '../../../src/pipeline/kill-switch.js';
import { craft, type Wanted } from '../../unit/craft.js';
import { CloneFarm, type Puppet } from '../hostile.js';
import { answers, isOfAnother, returned } from './answers.js';
import { encapsulated, GreTunnel, registry } from './gateway.js';
import type { GraphData } from './graphs.js';
import type { Guest } from './guest.js';
import { Oracle, type Stats } from './oracle.js';
import { print } from './policies.js';
import type { PolicyData } from './policy-data.js';
import { type Mutation, type Step, type Twist, wanted } from './traffic.js';

/** So many turns in a row end by themselves, or never. */
const TURNS = 500;

/** Packets go round for ever. */
export class Restless extends Error {}

/** Makes the checksum of an IPv4 header right. */
function mend(packet: Buffer): void {
  const header = Math.min(packet.length, (packet[0]! & 15) * 4) & ~1;
  packet.writeUInt16BE(0, 10);
  let sum = 0;
  for (let at = 0; at < header; at += 2) sum += packet.readUInt16BE(at);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  packet.writeUInt16BE(~sum & 0xffff, 10);
}

export interface Script {
  readonly graph: GraphData;
  readonly policies: ReadonlyMap<string, PolicyData>;
  /** Policies that may be put into force later. */
  readonly spare: readonly PolicyData[];
}

export class World {
  readonly clock = new Clock({ virtual: true, now: 1_000_000 });
  private readonly engine: Engine;
  private readonly oracle: Oracle;
  private readonly killSwitch = new KillSwitch();
  private readonly farms: CloneFarm[];
  private readonly tunnels: GreTunnel[];
  private readonly folder: string;
  private readonly script: Script;
  private readonly stats: Stats;
  private outside = 0;
  private readonly received: { puppet: Puppet; packet: Buffer }[] = [];
  private readonly emitted: { wanted: Wanted; puppet: Puppet }[] = [];
  private readonly left: Buffer[] = [];
  /** Steps until export is let go on. */
  private lifting = 0;
  /** What went wrong in the middle of a turn. */
  private failure: unknown;

  constructor(folder: string, sound: CheckedGraph, script: Script, stats: Stats) {
    this.folder = folder;
    this.script = script;
    this.stats = stats;
    this.engine = new Engine(sound, registry, {
      clock: this.clock,
      seed: 1n,
      checked: process.env['POTEMKIN_CHECKED'] === '1',
      killSwitch: this.killSwitch,
    });
    this.oracle = new Oracle(script.graph, script.policies, () => this.clock.now, stats);
    const all = this.engine.elements;
    this.farms = all.filter((element): element is CloneFarm => element instanceof CloneFarm);
    this.tunnels = all.filter((element): element is GreTunnel => element instanceof GreTunnel);
    const images = this.engine.services.shared(Images);
    const attempt = (what: () => void) => {
      try {
        what();
      } catch (error) {
        this.failure ??= error;
      }
    };
    for (const { hostile } of this.farms) {
      hostile.onBirth = (puppet, image) =>
        attempt(() =>
          this.oracle.born({ ...puppet, image: images.name(image), alive: true, depth: 0, contacted: false }),
        );
      hostile.onEnd = (id) => attempt(() => this.oracle.gone(id));
      hostile.onDeliver = (puppet, packet) =>
        attempt(() => {
          this.oracle.delivered(this.guest(puppet), packet);
          if (packet.length >= 28 && packet[0]! >> 4 === 4) this.received.push({ puppet, packet });
        });
    }
    for (const tunnel of this.tunnels) {
      tunnel.onSend = (clone, packet) =>
        attempt(() => {
          this.left.push(packet);
          this.oracle.leaves(tunnel.name, clone, packet);
        });
    }
  }

  start = () => this.engine.start();

  async stop(): Promise<void> {
    await this.engine.stop();
    for (const { className, drops } of this.engine.elements)
      for (const [reason, { value }] of Object.entries(drops))
        if (value > 0) this.stats[`${className}.${reason}`] = (this.stats[`${className}.${reason}`] ?? 0) + value;
  }

  private guest = ({ id }: Puppet): Guest => this.oracle.guests.get(id)!;

  private alive(which: number): Puppet | undefined {
    const all = this.farms.flatMap(({ hostile }) => hostile.alive);
    return all[which % Math.max(1, all.length)];
  }

  private run(): void {
    let turns = 0;
    while (this.engine.turn() && turns < TURNS) turns++;
    if (this.failure) throw this.failure;
    this.oracle.rest();
    if (turns === TURNS) throw new Restless();
  }

  private emit(puppet: Puppet, wanted: Wanted, change?: Mutation): void {
    const bytes = craft({ ...wanted, id: puppet.id });
    if (change && change.at < bytes.length && change.at !== 4 && change.at !== 5) {
      bytes[change.at] = change.value;
      if (change.mend) mend(bytes);
    }
    if (!change) this.emitted.push({ wanted, puppet });
    this.oracle.sends(this.guest(puppet), bytes);
    const farm = this.farms.find(({ hostile }) => hostile.owns(puppet))!;
    farm.hostile.emit(puppet.id, Buffer.concat([Buffer.alloc(12, 2), Buffer.from([8, 0]), bytes]));
  }

  private put(tunnel: number, wanted: Wanted): void {
    const packet = craft({ ...wanted, id: 0x8000 | this.outside++ });
    this.oracle.enters(packet);
    this.tunnels[tunnel % this.tunnels.length]!.incoming.push(encapsulated(packet));
  }

  play(step: Step): void {
    switch (step.kind) {
      case 'outside':
        for (const { src, dst, shape, opens, inner } of step.packets) {
          const made = opens
            ? { ...shape, tcpFlags: 2, fragment: 0, options: Buffer.alloc(0), icmp: [8, 0] as const }
            : shape;
          this.put(step.tunnel, wanted(made, src, dst, inner, craft));
        }
        break;
      case 'clone': {
        const puppet = this.alive(step.which);
        for (const { own, src, dst, shape, inner, mutation } of puppet ? step.packets : [])
          this.emit(puppet!, wanted(shape, own ? puppet!.address : src, dst, inner, craft), mutation);
        break;
      }
      case 'answer':
        for (let i = 0; i < step.times; i++) this.answer(step.which + i, step.tcpFlags, step.twist, step.clone);
        break;
      case 'again': {
        const before = this.emitted.at(-1 - (step.which % Math.max(1, this.emitted.length)));
        const puppet = this.alive(step.clone);
        for (let i = 0; before && puppet && i < step.times; i++)
          this.emit(puppet, { ...before.wanted, src: puppet.address });
        break;
      }
      case 'return':
        this.return(step.which, step.tcpFlags);
        break;
      case 'wait':
        this.clock.advance(this.clock.now + step.seconds);
        break;
      case 'trouble':
        this.trouble(step.what, step.which);
        break;
      case 'reload':
        this.reload(step.guard, step.policy);
        break;
      case 'stop':
        this.killSwitch.stop('test', 'it is time');
        this.oracle.stopped = true;
        this.lifting = step.steps;
    }
    this.run();
    if (this.oracle.stopped && this.lifting-- === 0) {
      this.killSwitch.lift();
      this.oracle.stopped = false;
    }
  }

  /** Answers something that a clone got, or nearly so. */
  private answer(which: number, tcpFlags: number, twist: Twist, other: number): void {
    const { puppet, packet } = this.received.at(-1 - (which % Math.max(1, this.received.length))) ?? {};
    const sender = isOfAnother(twist) ? this.alive(other) : puppet;
    if (!packet || !sender?.alive) return;
    for (const each of answers(packet, sender.address, tcpFlags, twist)) this.emit(sender, each);
  }

  private return(which: number, tcpFlags: number): void {
    const packet = this.left.at(-1 - (which % Math.max(1, this.left.length)));
    const answer = packet && returned(packet, tcpFlags);
    if (answer) this.put(0, answer);
  }

  private trouble(what: number, which: number): void {
    const puppet = this.alive(which);
    const farm = this.farms[which % this.farms.length]!.hostile;
    if (what === 0) farm.fails = !farm.fails;
    else if (what === 1) farm.refuses = !farm.refuses;
    else if (puppet) {
      const { hostile } = this.farms.find((each) => each.hostile.owns(puppet))!;
      const last: Wanted = { proto: 17, src: puppet.address, dst: 0xc6336401, sport: 80, dport: 80 };
      // It speaks, and dies before anybody has listened; or it dies, and speaks.
      if (what === 2) this.emit(puppet, last);
      hostile.die(puppet.id);
      if (what === 3) {
        this.oracle.sends(this.guest(puppet), craft({ ...last, id: puppet.id }));
        hostile.emit(
          puppet.id,
          Buffer.concat([Buffer.alloc(12, 2), Buffer.from([8, 0]), craft({ ...last, id: puppet.id })]),
        );
      }
    }
  }

  private reload(which: number, number: number): void {
    const { graph, policies, spare } = this.script;
    const name = graph.guards[which % graph.guards.length]!;
    const policy = [policies.get(name)!, ...spare][number % (spare.length + 1)]!;
    writeFileSync(join(this.folder, `${name}.policy`), print(policy));
    try {
      this.engine.handlers.write(`${name}.policy`, 'reload');
    } catch (error) {
      if (!/allows more than that of the start/.test((error as Error).message)) throw error;
      this.stats['ceilings not raised'] = (this.stats['ceilings not raised'] ?? 0) + 1;
      return;
    }
    if (policy.ceiling.length < policies.get(name)!.ceiling.length) throw new Error('a ceiling is raised');
    this.oracle.reload(name, policy);
  }
}
