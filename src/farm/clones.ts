import { createHash } from 'node:crypto';
import type { Services } from '../pipeline/element.js';
import type { CloneBackend, Identity } from './backend.js';
import { Images } from './images.js';
import { leastInteresting, mayGo, type RecyclingPolicy } from './recycling.js';
import { type CloneRecord, type Universe, Universes } from './universes.js';
import { cloneMac } from './wire.js';

/** Seconds a clone must have been quiet before it may be given up for another. */
const QUIET = 1;

/** Which way a clone ended: the values of the metric. */
export type Ending = 'recycled' | 'pressure' | 'failed' | 'died';

/**
 * The life of clones, from the packet that calls for one to its end. Bounded by `limit`; when that is reached the
 * least interesting quiet clone is given up.
 */
export class Clones {
  readonly universes: Universes;
  private readonly services: Services;
  private readonly backend: CloneBackend;
  private readonly images: Images;
  private readonly policy: RecyclingPolicy;
  private readonly limit: number;
  private readonly onEnd: (clone: CloneRecord, ending: Ending) => void;
  private readonly records = new Map<number, CloneRecord>();
  /** Images as the backend numbers them, by our number. */
  private backendImages: readonly number[] = [];
  private last = 0;

  constructor(
    services: Services,
    backend: CloneBackend,
    options: { policy: RecyclingPolicy; limit: number; onEnd(clone: CloneRecord, ending: Ending): void },
  ) {
    this.services = services;
    this.universes = services.shared(Universes);
    this.images = services.shared(Images);
    this.backend = backend;
    this.policy = options.policy;
    this.limit = options.limit;
    this.onEnd = options.onEnd;
  }

  /** @throws {Error} if some element asks for an image that the backend does not have. */
  start(): void {
    this.backendImages = this.images.all.map((name) => {
      const number = this.backend.images.indexOf(name);
      if (number < 0) throw new Error(`there is no image '${name}'; there are ${this.backend.images.join(', ')}`);
      return number;
    });
  }

  get(id: number): CloneRecord | undefined {
    return this.records.get(id);
  }

  [Symbol.iterator](): IterableIterator<CloneRecord> {
    return this.records.values();
  }

  get size(): number {
    return this.records.size;
  }

  imageOf(clone: CloneRecord): string {
    return this.images.name(clone.image);
  }

  /** Asks for a clone that plays an address. Undefined if there is no room for it. */
  create(universe: Universe, address: number, image: number, parent: CloneRecord | undefined): CloneRecord | undefined {
    if (this.records.size >= this.limit && !this.makeRoom()) return undefined;
    const id = ++this.last;
    const { now } = this.services.clock;
    const clone: CloneRecord = {
      id,
      universe,
      address,
      image,
      mac: cloneMac(id),
      parent,
      depth: parent ? parent.depth + 1 : 1,
      born: now,
      state: 'binding',
      active: now,
      opened: 0,
    };
    universe.depth = Math.max(universe.depth, clone.depth);
    universe.clones.set(address, clone);
    this.records.set(id, clone);
    this.backend.request(id, this.backendImages[image]!, this.identity(clone));
    return clone;
  }

  /** Ends a clone, and its universe if it was the last one in it. */
  end(clone: CloneRecord, ending: Ending, reason: string): void {
    const { universe } = clone;
    clone.state = 'gone';
    this.backend.destroy(clone.id);
    this.records.delete(clone.id);
    universe.clones.delete(clone.address);
    if (universe.clones.size === 0) this.universes.close(universe);
    this.onEnd(clone, ending);
    this.services.event({ kind: 'gone', clone: clone.id, universe: universe.id, address: clone.address, reason });
  }

  /** Recycles every clone whose time has come. */
  recycle(): void {
    const { now } = this.services.clock;
    for (const clone of this.records.values()) {
      if (now - clone.active < this.policy.idle) continue;
      const reason = mayGo(clone, this.backend.delta(clone.id), now, this.policy);
      if (reason) this.end(clone, 'recycled', reason);
    }
  }

  private makeRoom(): boolean {
    const delta = (clone: CloneRecord) => this.backend.delta(clone.id);
    const victim = leastInteresting(this.records.values(), delta, this.services.clock.now, QUIET, this.policy);
    if (victim) this.end(victim, 'pressure', 'room was needed');
    return victim !== undefined;
  }

  /** Everything about a clone that tells it from others follows from the seed, its number and its address. */
  private identity({ id, address, mac }: CloneRecord): Identity {
    const digest = createHash('sha256').update(`${this.services.seed}:${id}:${address}`).digest();
    return { address, mac, hostname: `host-${digest.toString('hex', 8, 12)}`, entropy: digest.readBigUInt64LE(0) };
  }
}
