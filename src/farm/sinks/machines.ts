import { keyedHash } from '../../packet/half-siphash.js';
import { type PageClone, Pool, PoolError, type ReferenceImage } from '../pool.js';
import type { Connection } from '../simulated/connection.js';
import type { FrameRing } from '../simulated/frames.js';
import { WORKING_SET_AT } from '../simulated/layout.js';
import { Machine } from '../simulated/machine.js';
import { type Applications, Opening } from '../simulated/opening.js';
import { type Profile, parseProfile } from '../simulated/profile.js';
import type { Segment } from '../simulated/segment.js';
import { Sender } from '../simulated/sender.js';
import { Tcp } from '../simulated/tcp.js';
import { Transmitter } from '../simulated/transmitter.js';
import type { Endpoint } from './endpoint-set.js';

export interface MachinesOptions {
  readonly clock: { readonly now: number; after(seconds: number, run: () => void): void };
  /** Asks for a turn. */
  wake(): void;
  /** 64 bits from which sequence numbers and the like follow. */
  readonly key: readonly [low: number, high: number];
  /** Machines that there are at once, and bytes that their connections may take. */
  readonly endpoints: number;
  readonly memory: number;
  /** Where what they send goes. */
  readonly ring: FrameRing;
  /** The memory of one does not suffice, so it is to be given up. */
  onExhausted(endpoint: Endpoint): void;
}

/** What runs on top of TCP, and is told before a connection is forgotten. */
export interface Listener extends Applications {
  forgotten(connection: Connection): void;
}

/** Seconds between two looks for timers. */
const SWEEP = 0.1;
/** A peer on the wire of nobody: there is only one neighbour. */
export const NEIGHBOUR = 1;

/** An ordinary Linux, all of whose ports are open: which of them are asked is up to policy. `echo` closes the window when it must. */
export const PROFILE: Profile = parseProfile(
  'ttl 64\nwindow 64240\nmss 1460\noptions mss sack timestamp nop wscale 7\ntcp 1-65535 echo\n',
  'sink.image',
);

/** The machines that endpoints are: each has memory of its own, and one stack plays them all, one at a time. */
export class Machines {
  readonly machine = new Machine();
  /** The one that runs now, if any. */
  current: Endpoint | undefined;
  private readonly options: MachinesOptions;
  private pool: Pool | undefined;
  private image: ReferenceImage | undefined;
  private readonly transmitter: Transmitter;
  private readonly sender: Sender;
  private readonly opening: Opening;
  private readonly tcp: Tcp;
  /** Those that have a timer. */
  private readonly restless = new Set<Endpoint>();
  private sweeping = false;

  constructor(options: MachinesOptions) {
    this.options = options;
    this.transmitter = new Transmitter(this.machine, options.ring);
    this.sender = new Sender(this.machine, this.transmitter);
    this.opening = new Opening(this.machine, this.sender);
    this.tcp = new Tcp(this.machine, this.sender, this.opening);
  }

  /** Set by whoever makes both: they need each other. */
  set listener(listener: Listener) {
    this.opening.applications = this.tcp.applications = listener;
    this.machine.onFree = (connection) => listener.forgotten(connection);
  }

  /** The memory of a machine that has not run yet. @returns undefined if there is no room for it */
  create(universe: number, address: number, kind: number): PageClone | undefined {
    const [low, high] = this.options.key;
    const half = (part: number) => BigInt(keyedHash(low, high, universe, address, kind, part));
    let memory: PageClone | undefined;
    try {
      this.image ??= this.makeImage();
      memory = this.image.clone();
      const identity = { address, mac: Uint8Array.of(2, 0, 0, 0, 0, 1), hostname: '' };
      this.machine.create(memory, PROFILE, { ...identity, entropy: (half(0) << 32n) | half(1) });
      return memory;
    } catch (error) {
      if (!(error instanceof PoolError)) throw error;
      memory?.close();
      return undefined;
    }
  }

  /** Runs a machine for a moment. False if its memory does not suffice: then it has sent nothing, and is to be given up. */
  run(endpoint: Endpoint, moment: () => void): boolean {
    const { machine, transmitter } = this;
    const { ring, clock, onExhausted } = this.options;
    const mark = ring.mark();
    this.current = endpoint;
    try {
      machine.resume(endpoint.memory, PROFILE, clock.now);
      transmitter.clone = endpoint.universe;
      moment();
      endpoint.due = machine.suspend();
    } catch (error) {
      if (!(error instanceof PoolError)) throw error;
      ring.undo(mark);
      onExhausted(endpoint);
      return false;
    } finally {
      this.current = undefined;
    }
    if (endpoint.due < Number.POSITIVE_INFINITY) this.restless.add(endpoint);
    else this.restless.delete(endpoint);
    this.arm();
    return true;
  }

  /** A segment for a machine. @returns false if its memory does not suffice */
  receive(endpoint: Endpoint, segment: Segment): boolean {
    return this.run(endpoint, () => this.tcp.receive(segment));
  }

  /** Sends what the machine that runs has queued on a connection. */
  flush(connection: Connection): void {
    this.sender.flush(connection, false);
  }

  /** Closes the end of the machine that runs, after what is queued has been sent. */
  close(connection: Connection): void {
    this.tcp.close(connection);
  }

  /** It runs no more. */
  end(endpoint: Endpoint): void {
    this.restless.delete(endpoint);
    endpoint.memory.close();
  }

  stop(): void {
    this.pool?.close();
  }

  /** The memory that every machine starts with: the first one needs it. */
  private makeImage(): ReferenceImage {
    this.pool = new Pool({ budget: this.options.memory, clones: this.options.endpoints + 1 });
    const image = this.pool.createImage(WORKING_SET_AT);
    image.seal();
    return image;
  }

  /** Sees to it that timers are looked at, as long as there are any. */
  private arm(): void {
    if (this.sweeping || this.restless.size === 0) return;
    this.sweeping = true;
    const { clock, ring, wake } = this.options;
    clock.after(SWEEP, () => {
      this.sweeping = false;
      const { now } = clock;
      for (const endpoint of [...this.restless]) if (endpoint.due <= now) this.run(endpoint, () => this.timeouts());
      this.arm();
      if (ring.count > 0) wake();
    });
  }

  private timeouts(): void {
    const { connections, now } = this.machine;
    for (const each of connections) if (each.due > 0 && each.due <= now) this.tcp.timeout(each);
  }
}
