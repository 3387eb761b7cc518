import type { Services } from '../../pipeline/element.js';

export interface StandbyOptions {
  /** Machines of each image that stand by when there is little to do, and at most. */
  readonly least: number;
  readonly most: number;
  /** Machines that are made at the same time, and in a second as long as nobody waits. */
  readonly builders: number;
  readonly rate: number;
}

/** How a machine is made. Whoever is told of one owns it. */
export interface Workshop<M> {
  /** Starts one, restored and standing still. */
  start(image: number): Promise<M>;
  /** Makes one fit to stand by. */
  prepare(machine: M): Promise<void>;
  /** Ends one that could not be prepared. */
  discard(machine: M): void;
  /** One could not be made, and why. */
  failed(image: number, reason: string): void;
}

/** Takes a machine when there is one: one that stood by, or one that was made in haste and never rehearsed. */
export type Taker<M> = (machine: M, origin: 'warm' | 'cold') => void;

/** Seconds after which a pool that has not run dry needs one machine less. */
const DECAY = 30;
/** Seconds to wait after so many failures in a row, at most. */
const PAUSE = 0.25;
const LONGEST_PAUSE = 15;

/** What is there of one image. */
interface Shelf<M> {
  readonly image: number;
  readonly ready: M[];
  readonly waiting: Taker<M>[];
  making: number;
  /** Machines that should stand by. */
  target: number;
  /** When it was last taken from while it was empty, or lost one of its target. */
  changed: number;
}

/**
 * Machines that stand by, made ahead in the background. Who finds none waits for the next one that has been started,
 * prepared or not. An image that runs dry gets twice as many, and loses one of them again for each while in which that
 * does not happen.
 */
export class StandbyPool<M> {
  private readonly services: Pick<Services, 'clock'>;
  private readonly workshop: Workshop<M>;
  private readonly options: StandbyOptions;
  private readonly shelves: readonly Shelf<M>[];
  private failures = 0;
  private resumeAt = 0;
  /** Machines that may be started now though nobody waits: a token bucket. */
  private tokens: number;
  private filled: number;
  private stopped = false;

  constructor(services: Pick<Services, 'clock'>, images: number, workshop: Workshop<M>, options: StandbyOptions) {
    this.services = services;
    this.workshop = workshop;
    this.options = options;
    this.tokens = options.rate;
    this.filled = services.clock.now;
    this.shelves = Array.from({ length: images }, (_, image) => ({
      image,
      ready: [],
      waiting: [],
      making: 0,
      target: options.least,
      changed: services.clock.now,
    }));
  }

  /** Machines that stand by. */
  get ready(): number {
    return this.shelves.reduce((sum, { ready }) => sum + ready.length, 0);
  }

  get making(): number {
    return this.shelves.reduce((sum, { making }) => sum + making, 0);
  }

  /** Machines that should stand by. */
  get target(): number {
    return this.shelves.reduce((sum, { target }) => sum + target, 0);
  }

  /** Gives a machine to `taker`: at once if one stands by, else the next one that is started. */
  take(image: number, taker: Taker<M>): void {
    const shelf = this.shelves[image]!;
    const machine = shelf.ready.shift();
    if (machine !== undefined) taker(machine, 'warm');
    else shelf.waiting.push(taker);
    if (shelf.ready.length === 0) this.grow(shelf);
    // The one that was taken is replaced when `work` is called next: now it needs the processor more.
    if (machine === undefined) this.work();
  }

  /** Forgets somebody who waits. */
  cancel(image: number, taker: Taker<M>): void {
    const { waiting } = this.shelves[image]!;
    const at = waiting.indexOf(taker);
    if (at >= 0) waiting.splice(at, 1);
  }

  /** One that stood by does so no more. */
  forget(image: number, machine: M): void {
    const { ready } = this.shelves[image]!;
    const at = ready.indexOf(machine);
    if (at >= 0) ready.splice(at, 1);
    this.work();
  }

  /** Starts what should be made. To be called now and then, since time alone may make room for it. */
  work(): void {
    const { builders } = this.options;
    this.decay();
    while (!this.stopped && this.making < builders && this.services.clock.now >= this.resumeAt) {
      const shelf = this.neediest();
      if (!shelf) return;
      if (shelf.waiting.length <= shelf.making && !this.takeToken()) return;
      void this.make(shelf);
    }
  }

  /** Makes no more, and returns those that stand by. */
  stop(): M[] {
    this.stopped = true;
    return this.shelves.flatMap(({ ready }) => ready.splice(0));
  }

  /** Whose machines are needed most: where somebody waits, else where most are missing. */
  private neediest(): Shelf<M> | undefined {
    const missing = ({ waiting, ready, making, target }: Shelf<M>) =>
      waiting.length > making ? target + waiting.length - making : target - ready.length - making;
    const [first] = [...this.shelves].sort((a, b) => missing(b) - missing(a));
    return first && missing(first) > 0 ? first : undefined;
  }

  private async make(shelf: Shelf<M>): Promise<void> {
    const { workshop } = this;
    shelf.making++;
    let machine: M | undefined;
    try {
      machine = await workshop.start(shelf.image);
      this.failures = 0;
      if (!this.handOver(shelf, machine, 'cold')) {
        await workshop.prepare(machine);
        if (!this.handOver(shelf, machine, 'warm')) this.shelve(shelf, machine);
      }
    } catch (error) {
      if (machine !== undefined) workshop.discard(machine);
      this.resumeAt = this.services.clock.now + Math.min(LONGEST_PAUSE, PAUSE * 2 ** this.failures++);
      workshop.failed(shelf.image, error instanceof Error ? error.message : String(error));
    } finally {
      shelf.making--;
    }
    this.work();
  }

  private shelve({ ready }: Shelf<M>, machine: M): void {
    if (this.stopped) this.workshop.discard(machine);
    else ready.push(machine);
  }

  private handOver({ waiting }: Shelf<M>, machine: M, origin: 'warm' | 'cold'): boolean {
    const taker = waiting.shift();
    taker?.(machine, origin);
    return taker !== undefined;
  }

  private grow(shelf: Shelf<M>): void {
    shelf.target = Math.min(this.options.most, Math.max(1, shelf.target * 2));
    shelf.changed = this.services.clock.now;
  }

  private decay(): void {
    const { now } = this.services.clock;
    for (const shelf of this.shelves) {
      if (now - shelf.changed < DECAY || shelf.target <= this.options.least) continue;
      shelf.target--;
      shelf.changed = now;
    }
  }

  private takeToken(): boolean {
    const { now } = this.services.clock;
    const { rate } = this.options;
    this.tokens = Math.min(rate, this.tokens + (now - this.filled) * rate);
    this.filled = now;
    if (this.tokens < 1) return false;
    this.tokens--;
    return true;
  }
}
