import { createHash } from 'node:crypto';
import type { Services } from '../pipeline/element.js';
import type { CloneBackend, Identity } from './backend.js';
import { nodeOf } from './capture.js';
import type { Cause } from './cause.js';
import { Images } from './images.js';
import type { Evidence } from './monitor/evidence.js';
import type { Recording } from './recording.js';
import { Roster } from './roster.js';
import { type CloneRecord, type Universe, Universes } from './universes.js';
import { cloneMac } from './wire.js';

/**
 * Which way a clone ended: the values of the metric. `cap`: it changed more memory than one may; `aged`: its universe was
 * too old; `hung`: it was there and
 * did not answer; `stopped`: the gateway was.
 */
export const ENDINGS = ['recycled', 'pressure', 'cap', 'aged', 'failed', 'died', 'hung', 'stopped'] as const;

export type Ending = (typeof ENDINGS)[number];

export interface ClonesOptions {
  /** Clones that may exist at once. */
  readonly limit: number;
  /** Gives up a clone for another. False if none can be. */
  makeRoom(): boolean;
  /** A recording for a new clone, if there is to be one. */
  record(): Recording | undefined;
  /** Begins to watch a new clone of an image. */
  watch(image: number): Evidence;
  /** Takes a clone that has been taken out of its universe. */
  retire(clone: CloneRecord, ending: Ending, reason: string): void;
  /** Takes a universe that has no clones any more. */
  close(universe: Universe): void;
}

/** The clones of the world: those that an address of a universe leads to. */
export class Clones {
  readonly universes: Universes;
  private readonly services: Services;
  private readonly backend: CloneBackend;
  private readonly images: Images;
  private readonly options: ClonesOptions;
  private readonly records = new Map<number, CloneRecord>();
  private readonly roster: Roster;

  constructor(services: Services, backend: CloneBackend, options: ClonesOptions) {
    this.services = services;
    this.universes = services.shared(Universes);
    this.images = services.shared(Images);
    this.backend = backend;
    this.options = options;
    this.roster = services.shared(Roster);
  }

  /** A clone of this farm. */
  get(id: number): CloneRecord | undefined {
    return this.records.get(id);
  }

  /** The clone that has sent a packet: a universe may have clones in several farms. */
  anywhere(id: number): CloneRecord | undefined {
    return this.roster.get(id);
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

  /** Whether there is room for another one. If not, one that is quiet is given up. */
  hasRoom(): boolean {
    return this.records.size < this.options.limit || this.options.makeRoom();
  }

  /** Asks for a clone that plays an address. Undefined if there is no room for it. */
  create(
    universe: Universe,
    address: number,
    image: number,
    parent: CloneRecord | undefined,
    cause: Cause,
  ): CloneRecord | undefined {
    const id = this.roster.next();
    if (id === 0) return undefined;
    const { now } = this.services.clock;
    const { backend, options } = this;
    const recording = options.record();
    const clone: CloneRecord = {
      id,
      farm: this,
      universe,
      address,
      inside: backend.insideAddress(image) ?? address,
      image,
      mac: backend.insideMac?.(image) ?? cloneMac(id),
      parent: parent && { id: parent.id, address: parent.address },
      depth: parent ? parent.depth + 1 : 1,
      born: now,
      cause,
      state: 'binding',
      active: now,
      opened: 0,
      called: 0,
      ...(recording && { recording }),
    };
    // Before room is made, so that its universe does not end with another clone that goes.
    universe.clones.set(address, clone);
    if (!this.hasRoom()) {
      universe.clones.delete(address);
      return undefined;
    }
    if (universe.made++ === 0) {
      const { source, target, kind } = universe;
      this.services.event({ kind: 'universe', universe: universe.id, universeKind: kind, source, target });
    }
    clone.evidence = options.watch(image);
    universe.depth = Math.max(universe.depth, clone.depth);
    if (parent) parent.called++;
    this.universes.occupy(universe, address);
    this.records.set(id, clone);
    this.roster.add(clone);
    backend.request(id, image, this.identity(clone));
    return clone;
  }

  /** Something comes from a clone, or goes to it. */
  touch(clone: CloneRecord): void {
    clone.active = this.services.clock.now;
    if (clone.state === 'quiet') clone.state = 'live';
  }

  /** Takes a clone out of the world, and ends its universe if it was the last one in it. Its address is free at once. */
  end(clone: CloneRecord, ending: Ending, reason: string): void {
    if (!this.records.delete(clone.id)) return;
    this.roster.remove(clone);
    const { universe } = clone;
    universe.clones.delete(clone.address);
    this.universes.vacate(universe, clone.address);
    this.options.retire(clone, ending, reason);
    if (universe.clones.size > 0) return;
    this.universes.close(universe);
    this.options.close(universe);
  }

  /** Keeps what is known of a clone that has ended. */
  remember(clone: CloneRecord, ending: Ending, reason: string): void {
    const end = { time: this.services.clock.now, ending, reason };
    this.universes.memory.keep(clone.universe, nodeOf(clone, this.imageOf(clone), end));
  }

  /** Everything about a clone that tells it from others follows from the seed, its number and its address. */
  private identity({ id, address, mac }: CloneRecord): Identity {
    const digest = createHash('sha256').update(`${this.services.seed}:${id}:${address}`).digest();
    return { address, mac, hostname: `host-${digest.toString('hex', 8, 12)}`, entropy: digest.readBigUInt64LE(0) };
  }
}
