import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { partition } from '../../packet/batch.js';
import type { Packets } from '../../packet/packets.js';
import type { BackendListener, Captive, CloneBackend, Identity, PoolMemory } from '../backend.js';
import { type PageClone, Pool, PoolError, type ReferenceImage } from '../pool.js';
import { FrameRing } from './frames.js';
import { type Profile, parseProfile } from './profile.js';
import { Stack, type StackCounters } from './stack.js';

/** What the backend needs of the engine. */
export interface SimulatedServices {
  readonly clock: { readonly now: number; after(seconds: number, run: () => void): void };
  /** Asks for a turn. */
  wake(): void;
}

export interface SimulatedOptions {
  readonly services: SimulatedServices;
  /** Folder of the images: NAME.image each. */
  readonly folder: string;
  /** Bytes that all clones together may cost beyond their images. */
  readonly memoryBudget: number;
  readonly maxClones: number;
  /** Seconds from a request until the clone is ready. Default 0: the next turn. */
  readonly latency?: number;
  /** Bytes of frames that wait to be collected. Default 4 MiB. */
  readonly outbox?: number;
  /** For tests: why the making of a clone is to fail. */
  readonly sabotage?: (id: number, image: string) => string | undefined;
}

/** What came to nothing in a simulated farm. */
export interface SimulatedCounters extends StackCounters {
  /** Frames that clones sent and that did not fit into the outbox. */
  readonly overflowed: number;
  /** Connections that a machine forgot because its table was full. */
  readonly evicted: number;
  /** Frames that a clone had no memory for. */
  readonly starved: number;
}

/** What is not in a clone's own memory. */
interface Guest {
  readonly id: number;
  readonly image: number;
  /** Undefined until it is made. */
  memory: PageClone | undefined;
  /** When its first timer is due, Infinity if none is. */
  due: number;
  /** Holds still for good, and its wire is cut. */
  held: boolean;
}

interface Birth {
  readonly guest: Guest;
  readonly identity: Identity;
  readonly at: number;
}

/** What names of files of images end with. */
const SUFFIX = '.image';
/** Seconds between two looks for timers that are due. */
const SWEEP = 0.1;
/** Clones made in one turn. */
const BIRTHS = 64;
const OUTBOX = 4 * 2 ** 20;

/**
 * Clones without a hypervisor. Each is a copy-on-write clone of a real reference image whose pages it dirties by a
 * profile, and a network stack that keeps all it knows in that memory: 10,000 of them fit into one process.
 */
export class SimulatedBackend implements CloneBackend {
  private images: readonly string[] = [];
  private readonly options: SimulatedOptions;
  private readonly pool: Pool;
  private readonly ring: FrameRing;
  private readonly stack: Stack;
  private profiles: readonly Profile[] = [];
  private references: readonly ReferenceImage[] = [];
  private listener: BackendListener | undefined;
  private readonly guests = new Map<number, Guest>();
  private births: Birth[] = [];
  /** Guests whose timers run. */
  private readonly restless = new Set<Guest>();
  private sweeping = false;
  private alarmed = false;
  private starved = 0;

  constructor(options: SimulatedOptions) {
    this.options = options;
    this.pool = new Pool({ budget: options.memoryBudget, clones: options.maxClones });
    this.ring = new FrameRing(options.outbox ?? OUTBOX);
    this.stack = new Stack(this.ring);
  }

  /** @throws {Error} if there is no image of a name, or one of them is wrong. */
  async start(listener: BackendListener, images: readonly string[]): Promise<void> {
    const { folder } = this.options;
    const there = (await readdir(folder))
      .filter((name) => name.endsWith(SUFFIX))
      .map((name) => name.slice(0, -SUFFIX.length));
    const missing = images.find((name) => !there.includes(name));
    if (missing !== undefined) {
      throw new Error(
        `there is no simulated image '${missing}' in ${folder}; there are ${there.sort().join(', ') || 'none'}`,
      );
    }
    const files = images.map((name) => join(folder, `${name}${SUFFIX}`));
    this.profiles = await Promise.all(files.map(async (file) => parseProfile(await readFile(file, 'utf8'), file)));
    this.references = this.profiles.map(({ memory }) => {
      const image = this.pool.createImage(memory);
      image.seal();
      return image;
    });
    this.images = images;
    this.listener = listener;
  }

  async stop(): Promise<void> {
    this.listener = undefined;
    this.guests.clear();
    this.restless.clear();
    this.births = [];
    this.pool.close();
  }

  request(id: number, image: number, identity: Identity): void {
    const { latency = 0, services } = this.options;
    const guest: Guest = { id, image, memory: undefined, due: Number.POSITIVE_INFINITY, held: false };
    this.guests.set(id, guest);
    this.births.push({ guest, identity, at: services.clock.now + latency });
    this.alarm();
  }

  /** A simulated clone takes any address. */
  insideAddress(): number | undefined {
    return undefined;
  }

  deliver(packets: Packets, rows: Uint16Array, count: number): number {
    return partition(rows, count, (row) => {
      const guest = this.guests.get(packets.clone[row]!);
      return guest?.memory !== undefined && !guest.held && this.run(guest, () => this.stack.receive(packets, row));
    });
  }

  collect(packets: Packets, max: number): number {
    this.giveBirth();
    let taken = 0;
    while (taken < max && packets.free > 0) {
      const sent = this.ring.shift();
      if (!sent) break;
      // Of a clone that has been destroyed nothing remains, not even what it had said.
      if (this.guests.get(sent.clone)?.held ?? true) continue;
      const row = packets.take();
      packets.bytes.set(sent.frame, packets.start[row]!);
      packets.length[row] = sent.frame.length;
      packets.clone[row] = sent.clone;
      taken++;
    }
    return taken;
  }

  get busy(): boolean {
    const birth = this.births[0];
    return this.ring.count > 0 || (birth !== undefined && birth.at <= this.options.services.clock.now);
  }

  delta(id: number): number {
    return this.guests.get(id)?.memory?.delta ?? 0;
  }

  memory(): PoolMemory {
    return this.pool.accounts;
  }

  get counters(): SimulatedCounters {
    const { counters, machine } = this.stack;
    return { ...counters, overflowed: this.ring.dropped, evicted: machine.evicted, starved: this.starved };
  }

  async hold(id: number): Promise<Captive> {
    const guest = this.guests.get(id);
    if (!guest?.memory) throw new Error('it was never made');
    guest.held = true;
    this.restless.delete(guest);
    return { memory: guest.memory, release() {} };
  }

  destroy(id: number): void {
    const guest = this.guests.get(id);
    if (!guest) return;
    this.guests.delete(id);
    this.restless.delete(guest);
    guest.memory?.close();
  }

  /** Makes the clones whose time has come, some of them in each turn. */
  private giveBirth(): void {
    const { now } = this.options.services.clock;
    const waiting = this.births.findIndex(({ at }, i) => at > now || i === BIRTHS);
    const due = this.births.splice(0, waiting < 0 ? this.births.length : waiting);
    for (const { guest, identity } of due) {
      if (this.guests.get(guest.id) !== guest) continue;
      const reason = this.make(guest, identity);
      if (reason === undefined) this.listener?.ready(guest.id, 'warm');
      else {
        this.guests.delete(guest.id);
        this.listener?.failed(guest.id, reason);
      }
    }
    this.alarm();
  }

  /** Asks for a turn when the next clone is to be made. */
  private alarm(): void {
    const { clock } = this.options.services;
    const next = this.births[0];
    if (this.alarmed || !next || next.at <= clock.now) return;
    this.alarmed = true;
    clock.after(next.at - clock.now, () => {
      this.alarmed = false;
      this.alarm();
      this.options.services.wake();
    });
  }

  /** Returns why it could not be made, undefined if it was. */
  private make(guest: Guest, identity: Identity): string | undefined {
    const name = this.images[guest.image];
    if (name === undefined) return `there is no image number ${guest.image}`;
    const sabotaged = this.options.sabotage?.(guest.id, name);
    if (sabotaged !== undefined) return sabotaged;
    let memory: PageClone | undefined;
    try {
      memory = this.references[guest.image]!.clone();
      this.stack.machine.create(memory, this.profiles[guest.image]!, identity);
      guest.memory = memory;
      return undefined;
    } catch (error) {
      memory?.close();
      if (error instanceof PoolError) return error.message;
      throw error;
    }
  }

  /** Runs a guest for a moment. If it runs out of memory meanwhile, nothing has happened, and false is returned. */
  private run(guest: Guest, moment: () => void): boolean {
    const { stack, ring } = this;
    const mark = ring.mark();
    try {
      stack.machine.resume(guest.memory!, this.profiles[guest.image]!, this.options.services.clock.now);
      stack.transmitter.clone = guest.id;
      moment();
      guest.due = stack.machine.suspend();
    } catch (error) {
      if (!(error instanceof PoolError)) throw error;
      ring.undo(mark);
      this.starved++;
      return false;
    }
    if (guest.due < Number.POSITIVE_INFINITY) this.restless.add(guest);
    else this.restless.delete(guest);
    this.arm();
    return true;
  }

  /** Sees to it that timers are looked at, as long as there are any. */
  private arm(): void {
    if (this.sweeping || this.restless.size === 0) return;
    this.sweeping = true;
    this.options.services.clock.after(SWEEP, () => this.sweep());
  }

  private sweep(): void {
    const { services } = this.options;
    this.sweeping = false;
    for (const guest of [...this.restless]) {
      if (guest.due <= services.clock.now) this.run(guest, () => this.stack.sweep());
    }
    this.arm();
    if (this.busy) services.wake();
  }
}
