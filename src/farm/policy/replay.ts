import { type Prefix, prefixMask } from '../../packet/address.js';
import { Batch } from '../../packet/batch.js';
import { CaptureFile } from '../../packet/capture.js';
import { checkHeaders } from '../../packet/check.js';
import { BATCH } from '../../packet/columns.js';
import { DISPOSITION } from '../../packet/flow.js';
import { Flows } from '../../packet/flows.js';
import { Packets } from '../../packet/packets.js';
import { PROTOCOL } from '../../packet/protocol.js';
import { decapsulate, makeTunnel } from '../../packet/tunnel.js';
import { VERDICT } from '../../packet/verdict.js';
import { describeFlow, flowEnds } from './decisions.js';
import { Exit } from './exit.js';
import { OTHER_IMAGE } from './facts.js';
import { Judge, PolicyNumbers } from './judge.js';
import type { Policy, Rule } from './policy.js';
import { Rewrites } from './rewrites.js';

/** What one rule came to. */
export interface Tally {
  flows: number;
  packets: number;
  bytes: number;
}

/** What a policy would have done with a capture. */
export interface Replay {
  /** Of each rule that decided something, by verdict. */
  readonly rules: ReadonlyMap<Rule, ReadonlyMap<string, Tally>>;
  /** What would have left, by flow: the first so many flows. */
  readonly left: ReadonlyMap<string, Tally>;
  readonly total: {
    left: Tally;
    /** Packets that may leave by a rule, and do not: of IP options, for instance. */
    refused: number;
    quota: number;
    strays: number;
    inbound: number;
    foreign: number;
    faulty: number;
  };
}

/** A clone that the capture is taken to be of: each inside address is one, in a universe of its own. */
interface Player {
  readonly id: number;
  /** Who contacted it first; 0 if nobody did before it spoke. */
  readonly source: number;
  readonly state: 'live';
}

const FLOWS = 1 << 18;
/** Flows that left and are listed, and inside addresses that are clones. */
const LISTED = 10_000;
const PLAYERS = 1 << 20;

const tally = (): Tally => ({ flows: 0, packets: 0, bytes: 0 });

/**
 * Holds a capture against a policy, in the capture's own time. Packets from an inside address are taken for those of a clone,
 * packets to one for those of the Internet.
 * @throws {Error} if the file cannot be read or is damaged
 */
export class Replayer implements Replay {
  readonly rules = new Map<Rule, Map<string, Tally>>();
  readonly left = new Map<string, Tally>();
  readonly total = { left: tally(), refused: 0, quota: 0, strays: 0, inbound: 0, foreign: 0, faulty: 0 };
  private readonly packets = new Packets();
  private readonly flows = new Flows({ capacity: FLOWS, seed: new Uint8Array(16) });
  private readonly exit: Exit;
  private readonly judge: Judge;
  private readonly inside: readonly Prefix[];
  private readonly players = new Map<number, Player>();
  private readonly one = new Batch();

  constructor(policy: Policy, inside: readonly Prefix[]) {
    this.inside = inside;
    const { packets } = this;
    const seed = new Uint8Array(16);
    const numbers = new PolicyNumbers();
    const rewrites = new Rewrites();
    this.exit = new Exit(packets, policy.ceiling);
    const { exit } = this;
    this.judge = new Judge(policy, { packets, seed, numbers, exit, rewrites, decisions: 1, destinations: FLOWS });
  }

  play(file: string): void {
    const capture = new CaptureFile(file);
    const batch = new Batch();
    try {
      while (!capture.ended) {
        this.packets.reset();
        batch.clear();
        capture.read(this.packets, batch, BATCH);
        this.batch(batch);
      }
    } finally {
      capture.close();
    }
  }

  private batch(batch: Batch): void {
    const { packets, one } = this;
    for (const row of batch.rows.slice(0, batch.count)) {
      one.clear();
      one.add(row);
      const tunnelled = packets.fault[row] === 0 && packets.bytes[packets.start[row]! + 9] === PROTOCOL.gre;
      const sound =
        packets.fault[row] === 0 &&
        (!tunnelled || decapsulate(packets, one, makeTunnel({ local: 0, remote: 0, order: false })) >= 0) &&
        checkHeaders(packets, one, false) >= 0;
      if (sound) this.packet(row);
      else this.total.faulty++;
    }
  }

  private isInside(address: number): boolean {
    return this.inside.some((prefix) => ((address ^ prefix.address) & prefixMask(prefix.length)) === 0);
  }

  private player(address: number, source: number): Player {
    const known = this.players.get(address);
    if (known) return known;
    if (this.players.size === PLAYERS) throw new Error(`more than ${PLAYERS} inside addresses; narrow what is inside`);
    const player: Player = { id: this.players.size + 1, source, state: 'live' };
    this.players.set(address, player);
    return player;
  }

  /** A turn of its own for each packet, so that what it answers is known. */
  private packet(row: number): void {
    const { packets, flows, one } = this;
    const now = packets.sec[row]! + packets.nsec[row]! * 1e-9;
    const [src, dst] = [packets.src[row]!, packets.dst[row]!];
    if (this.isInside(src)) {
      const player = this.player(src, 0);
      packets.universe[row] = packets.clone[row] = player.id;
      flows.inside(packets, one.rows, 1, packets.sec[row]!);
      const found = flows.dispositions[0];
      if (found === DISPOSITION.stray || found === DISPOSITION.full) this.total.strays++;
      else this.decide(row, player, now);
    } else if (this.isInside(dst)) {
      this.total.inbound++;
      flows.outside(packets, one.rows, 1, packets.sec[row]!);
      const found = flows.dispositions[0];
      if (found === DISPOSITION.stray || found === DISPOSITION.full) return;
      packets.universe[row] = packets.clone[row] = this.player(dst, src).id;
    } else {
      this.total.foreign++;
      return;
    }
    flows.settle(packets, one.rows, 1);
    this.judge.settle();
  }

  private decide(row: number, player: Player, now: number): void {
    const { packets, judge } = this;
    judge.prepare(this.one, now);
    const decided = judge.isDecided(row);
    if (!decided && judge.isPart(row)) {
      this.total.strays++;
      return;
    }
    // Whom nobody has contacted was contacted before the capture began: its address is said to be inside.
    const sender = {
      kind: 'closed',
      source: player.source,
      depth: 1,
      contacted: true,
      image: OTHER_IMAGE,
      toClone: false,
    } as const;
    const outcome = decided ? judge.meter(row, now) : judge.decide(row, sender, now, player);
    const passing = outcome?.passing ?? false;
    const step = judge.stepOf(row) ?? outcome!.step;
    judge.release(row);
    const verdict = passing ? 'drop' : step.action.verdict;
    if (outcome?.over) this.total.quota++;
    const byVerdict = this.rules.get(step.rule) ?? new Map<string, Tally>();
    this.rules.set(step.rule, byVerdict);
    this.count(byVerdict, verdict, row, !decided && (outcome?.first ?? false));
    if (passing || step.verdict !== VERDICT.forward) return;
    const { total } = this;
    if (this.exit.refusal(row) !== 0) {
      total.refused++;
      return;
    }
    const name = describeFlow(flowEnds(packets, row));
    total.left.packets++;
    total.left.bytes += packets.length[row]!;
    if (!this.left.has(name)) total.left.flows++;
    if (this.left.has(name) || this.left.size < LISTED) this.count(this.left, name, row, !this.left.has(name));
  }

  private count(tallies: Map<string, Tally>, name: string, row: number, isNew: boolean): void {
    const counted = tallies.get(name) ?? tally();
    tallies.set(name, counted);
    counted.flows += isNew ? 1 : 0;
    counted.packets++;
    counted.bytes += this.packets.length[row]!;
  }
}
