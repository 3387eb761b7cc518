import { native } from '../../native/addon.js';
import type { Services } from '../../pipeline/element.js';
import type { Counter, Gauge, Stats } from '../../pipeline/stats.js';
import { Failure } from '../failure.js';
import type { FilterFacts } from './facts.js';
import { type Listing, listTable } from './nft.js';
import { NftThread } from './nft-thread.js';
import { type FilterPlan, PASSED, REASONS, type Reason, TABLE, UNNOTED } from './plan.js';
import { sendProbe } from './probe.js';
import { rulesetText } from './ruleset.js';

/** Milliseconds between two looks at the table. */
const LOOK = 1000;

/** By which name it speaks. */
export const NAME = 'kernel filter';

/** Reasons for which the kernel drops nothing that the gateway believes to be licensed. */
const EXPECTED: readonly string[] = ['other'];

/**
 * The second layer of containment, which knows nothing of the first: a table of nftables on the interfaces by which clones'
 * packets leave. It is made from the ceilings, drops what they do not name, and outlives a gateway that is killed.
 *
 * An interface is used only once the table is there and has dropped a probe on it.
 */
export class KernelFilter {
  private readonly facts: FilterFacts;
  private readonly whole: boolean;
  private readonly services: Pick<Services, 'event' | 'killSwitch'>;
  /** The index of each interface on which a probe was dropped. */
  private readonly verified = new Map<string, number>();
  /** The table as it was loaded, and the indices of the interfaces that were there. */
  private shape = '';
  private loadedFor: ReadonlyMap<string, number> = new Map();
  /** Counters as they were when last looked at. */
  private seen: ReadonlyMap<string, number> = new Map();
  private readonly metrics: Readonly<Record<string, Counter>>;
  private readonly up: Gauge;
  private readonly nft = new NftThread();
  private timer: NodeJS.Timeout | undefined;
  private looking: Promise<void> | undefined;
  private closed = false;

  /** @param whole whether the network namespace is the gateway's alone */
  constructor(facts: FilterFacts, whole: boolean, services: KernelFilter['services'], stats: Stats) {
    this.facts = facts;
    this.whole = whole;
    this.services = services;
    if (!whole && facts.exits.some(({ tunnel }) => !tunnel))
      throw new Failure(
        `${NAME}: what ToDevice sends cannot be told from what the host itself sends; use --netns, or --filter off`,
      );
    const counter = (outcome: string) =>
      stats.counter('kernel_filter_packets', 'packets by what the kernel did with them', { outcome });
    this.metrics = {
      ...Object.fromEntries([PASSED, ...Object.keys(REASONS)].map((name) => [name, counter(name)])),
      [UNNOTED]: stats.counter('kernel_filter_unnoted', 'contacts that the kernel had no room to note', {}),
    };
    this.up = stats.gauge('kernel_filter_up', '1 if the table is in force, and as it was made', {});
  }

  /**
   * Puts the table into force, and tries it.
   * @throws {Failure} if it is not in force: then nothing may start
   */
  async open(): Promise<void> {
    await this.load();
    this.timer = setInterval(() => {
      this.looking ??= this.look().finally(() => {
        this.looking = undefined;
      });
    }, LOOK);
  }

  /** Whether an interface may be opened. */
  covers(device: string, index: number): boolean {
    return !this.facts.exits.some((exit) => exit.device === device) || this.verified.get(device) === index;
  }

  /** Ends the watching, and removes the table if `clean`: when nothing is open any more that could send. */
  async close(clean: boolean): Promise<void> {
    this.closed = true;
    clearInterval(this.timer);
    await this.looking;
    if (clean) await this.nft.run(['delete', 'table', 'netdev', TABLE]).catch(() => {});
    await this.nft.close();
  }

  /** Makes the table anew for the interfaces that are there, and tries it on those that are up. */
  private async load(): Promise<void> {
    this.verified.clear();
    const there = new Map(native.interfaces().map((one) => [one.name, one]));
    this.loadedFor = this.indices();
    const place = <T extends { readonly device: string }>(way: T) => {
      const found = there.get(way.device);
      return found ? [{ ...way, ethernet: found.mac !== '' }] : [];
    };
    const plan: FilterPlan = {
      whole: this.whole,
      exits: this.facts.exits.flatMap(place),
      entrances: this.facts.entrances.flatMap(place),
      questions: this.facts.questions,
      own: [...there.values()].flatMap(({ addresses }) => addresses.map(({ address }) => address)),
      quiet: this.facts.quiet,
    };
    await this.nft.run(['-f', '-'], rulesetText(plan));
    let before = await listTable(this.nft.run);
    this.shape = before.shape;
    for (const exit of plan.exits) {
      const { index, up } = there.get(exit.device)!;
      if (!up) continue;
      if (exit.boxes) {
        sendProbe(exit);
        const after = await listTable(this.nft.run);
        if (dropped(after, 'unroutable') <= dropped(before, 'unroutable')) {
          // It may have gone, or gone down, meanwhile.
          if (!native.interfaces().some((one) => one.index === index && one.up)) continue;
          throw new Failure(`${NAME}: a packet that no ceiling lets out was not dropped on ${exit.device}`);
        }
        before = after;
      }
      this.verified.set(exit.device, index);
    }
    this.seen = before.counters;
    this.up.set(1);
  }

  private async look(): Promise<void> {
    try {
      const listing = await listTable(this.nft.run);
      if (this.closed) return;
      this.count(listing.counters);
      // With an interface goes what hung on it.
      if (this.isOutdated()) await this.load();
      else if (listing.shape !== this.shape) throw new Failure('the table was changed');
    } catch (error) {
      if (this.closed) return;
      this.fail((error as Error).message);
      await this.load().catch((failure: Error) => this.fail(failure.message));
    }
  }

  /** The indices of those of its interfaces that are there. */
  private indices(): Map<string, number> {
    const devices = new Set([...this.facts.exits, ...this.facts.entrances].map(({ device }) => device));
    return new Map(native.interfaces().flatMap(({ name, index }) => (devices.has(name) ? [[name, index]] : [])));
  }

  /** Whether an interface has come, gone, or come up, so that the table is not that for what is there. */
  private isOutdated(): boolean {
    const now = this.indices();
    if (now.size !== this.loadedFor.size || [...now].some(([name, index]) => this.loadedFor.get(name) !== index))
      return true;
    const up = new Set(native.interfaces().flatMap(({ name, up }) => (up ? [name] : [])));
    return this.facts.exits.some(({ device }) => up.has(device) && this.verified.get(device) !== now.get(device));
  }

  /** Two layers that disagree: one of them is wrong. */
  private count(counters: ReadonlyMap<string, number>): void {
    const stopped: string[] = [];
    for (const [name, metric] of Object.entries(this.metrics)) {
      const more = (counters.get(name) ?? 0) - (this.seen.get(name) ?? 0);
      if (more <= 0) continue;
      metric.add(more);
      if (name === UNNOTED) this.warn(`${more} contacts were not noted, since there are too many: they get no answers`);
      else if (name !== PASSED && !EXPECTED.includes(name)) stopped.push(`${more} (${REASONS[name as Reason]})`);
    }
    this.seen = counters;
    if (stopped.length > 0) this.warn(`stopped packets that the export policy had let out: ${stopped.join(', ')}`);
  }

  private warn(message: string): void {
    this.services.event({ kind: 'warning', element: NAME, message });
  }

  /** Nothing leaves by one layer alone: export is stopped until a person has looked. */
  private fail(reason: string): void {
    this.up.set(0);
    this.verified.clear();
    if (!this.services.killSwitch.stopped)
      this.services.event({ kind: 'error', element: NAME, message: `${reason}; nothing leaves any more` });
    this.services.killSwitch.stop(NAME, reason);
  }
}

const dropped = ({ counters }: Listing, reason: Reason): number => counters.get(reason) ?? 0;
