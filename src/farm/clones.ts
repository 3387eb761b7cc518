import { createHash } from 'node:crypto';
import type { Services } from '../pipeline/element.js';
import type { CloneBackend, Identity } from './backend.js';
import { Images } from './images.js';
import { leastInteresting, mayGo, type RecyclingPolicy } from './recycling.js';
import { type CloneRecord, type Universe, Universes } from './universes.js';
import { cloneMac } from './wire.js';

/** Seconds a clone must have been quiet before it may be given up for another. */
const QUIET = 1;

/** Clones that one look finds to give up, and the seconds between two looks. */
const CANDIDATES = 256;
const LOOK = 0.05;

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
  private last = 0;
  /** Clones to give up, the first of them last; and when to look for others, since all must be looked at for that. */
  private candidates: CloneRecord[] = [];
  private lookAgain = 0;

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
    const id = this.nextId();
    const { now } = this.services.clock;
    const { backend } = this;
    const clone: CloneRecord = {
      id,
      universe,
      address,
      inside: backend.insideAddress(image) ?? address,
      image,
      mac: backend.insideMac?.(image) ?? cloneMac(id),
      parent: parent && { id: parent.id, address: parent.address },
      depth: parent ? parent.depth + 1 : 1,
      born: now,
      state: 'binding',
      active: now,
      opened: 0,
    };
    // Before room is made, so that its universe does not end with another clone that goes.
    universe.clones.set(address, clone);
    if (this.records.size >= this.limit && !this.makeRoom()) {
      universe.clones.delete(address);
      return undefined;
    }
    universe.depth = Math.max(universe.depth, clone.depth);
    this.records.set(id, clone);
    backend.request(id, image, this.identity(clone));
    return clone;
  }

  /** Ends a clone, and its universe if it was the last one in it. */
  end(clone: CloneRecord, ending: Ending, reason: string): void {
    if (clone.state === 'gone') return;
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
      if (now - clone.active < this.policy.idle && now - clone.born < this.policy.life) continue;
      const reason = mayGo(clone, this.backend.delta(clone.id), now, this.policy);
      if (reason) this.end(clone, 'recycled', reason);
    }
  }

  /** A number that no clone has: packets have 32 bits for it. */
  private nextId(): number {
    do this.last = (this.last + 1) >>> 0 || 1;
    while (this.records.has(this.last));
    return this.last;
  }

  private makeRoom(): boolean {
    const { now } = this.services.clock;
    if (this.candidates.length === 0 && now >= this.lookAgain) {
      const delta = (clone: CloneRecord) => this.backend.delta(clone.id);
      this.candidates = leastInteresting(this.records.values(), delta, now, QUIET, this.policy, CANDIDATES);
      this.lookAgain = now + LOOK;
    }
    for (let victim = this.candidates.pop(); victim; victim = this.candidates.pop()) {
      if (victim.state !== 'live' || now - victim.active < QUIET) continue;
      this.end(victim, 'pressure', 'room was needed');
      return true;
    }
    return false;
  }

  /** Everything about a clone that tells it from others follows from the seed, its number and its address. */
  private identity({ id, address, mac }: CloneRecord): Identity {
    const digest = createHash('sha256').update(`${this.services.seed}:${id}:${address}`).digest();
    return { address, mac, hostname: `host-${digest.toString('hex', 8, 12)}`, entropy: digest.readBigUInt64LE(0) };
  }
}
