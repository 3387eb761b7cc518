import type { BackendListener, Origin } from '../../src/farm/backend.js';
import { QemuBackend } from '../../src/farm/qemu/backend.js';
import type { Machine } from '../../src/farm/qemu/machine.js';
import type { StandbyOptions } from '../../src/farm/qemu/standby.js';
import type { Trace } from '../../src/farm/qemu/trace.js';
import { answerArp, cloneMac, ETHERTYPE, etherType, frame, unframe } from '../../src/farm/wire.js';
import { BATCH } from '../../src/packet/columns.js';
import { Packets } from '../../src/packet/packets.js';
import { Clock } from '../../src/pipeline/clock.js';
import { accepts, DARK, darkAddress, hangUp, knock } from './probe.js';

/** Steps from the packet for an address to the machine's answer, in their order. */
export const STEPS = ['posted', 'running', 'announced', 'ready', 'delivered', 'answered'] as const;
/** When each was done, in ms since the clone was asked for. Without an agent some are left out. */
export type Times = Partial<Record<(typeof STEPS)[number], number>> & { readonly answered: number };

export interface Bound {
  readonly id: number;
  readonly origin: Origin;
  readonly times: Times;
  readonly machine: Machine;
}

export interface FarmOptions {
  readonly state: string;
  readonly image: string;
  readonly standby: StandbyOptions;
  /** Machines at once. */
  readonly machines?: number;
  readonly trace?: Trace;
}

interface Call {
  readonly asked: number;
  readonly address: number;
  readonly mac: Uint8Array;
  readonly times: { -readonly [step in keyof Times]: Times[step] };
  origin: Origin;
  machine: Machine | undefined;
  end(failure?: string): void;
}

/** Milliseconds between two looks of the farm's clock. */
const TICK = 10;
const OVERHEAD = 192 << 20;

/** The backend of a CloneFarm without the farm around it: what takes time here is the backend's alone. */
export class Farm implements BackendListener {
  readonly backend: QemuBackend;
  /** Machines that stand by, and what waits until there are so many. */
  private standing = 0;
  private readonly waiting = new Set<{ readonly count: number; go(): void }>();
  private readonly clock = new Clock();
  private readonly packets = new Packets();
  private readonly rows = new Uint16Array(1);
  private readonly calls = new Map<number, Call>();
  private readonly ticking: NodeJS.Timeout;
  private last = 0;

  static async open(options: FarmOptions): Promise<Farm> {
    const farm = new Farm(options);
    try {
      await farm.backend.start(farm, [options.image]);
    } catch (error) {
      await farm.close();
      throw error;
    }
    return farm;
  }

  private constructor({ state, standby, machines = 64, trace }: FarmOptions) {
    this.ticking = setInterval(() => this.clock.advance(Date.now() / 1000), TICK);
    this.backend = new QemuBackend({
      services: { clock: this.clock, wake: () => void setImmediate(() => this.collect()) },
      ...{ state, standby, machines },
      overhead: OVERHEAD,
      disk: 0,
      warn: (message) => console.error(`clones: ${message}`),
      trace: (step, machine, clone) => {
        if (step === 'rehearsed') this.stand();
        const call = clone === undefined ? undefined : this.calls.get(clone);
        if (call) {
          call.machine = machine;
          if (step in TRACED) call.times[step as keyof Times] = performance.now() - call.asked;
        }
        trace?.(step, machine, clone);
      },
    });
  }

  /** Asks for a clone, calls it, and waits for its answer. @throws {Error} if it does not come about */
  async bind(): Promise<Bound> {
    const id = ++this.last;
    const { backend } = this;
    const address = darkAddress(id % DARK);
    const mac = backend.insideMac(0) ?? cloneMac(id);
    if (this.standing > 0) this.standing--;
    return new Promise((resolve, reject) => {
      const call: Call = {
        ...{ asked: performance.now(), address: backend.insideAddress(0) ?? address, mac, times: { answered: 0 } },
        ...{ origin: 'cold', machine: undefined },
        end: (failure) => {
          const { origin, times, machine } = call;
          if (failure === undefined && machine) resolve({ id, origin, times, machine });
          else reject(new Error(`clone ${id}: ${failure}`));
        },
      };
      this.calls.set(id, call);
      backend.request(id, 0, { address, mac, hostname: `host-${id}`, entropy: BigInt(id) });
    });
  }

  /** Waits until so many machines stand by. */
  standingBy(count: number): Promise<void> {
    if (this.standing >= count) return Promise.resolve();
    return new Promise((go) => this.waiting.add({ count, go }));
  }

  destroy(id: number): void {
    this.calls.delete(id);
    this.backend.destroy(id);
  }

  ready(id: number, origin: Origin): void {
    const call = this.calls.get(id);
    if (!call) return;
    call.origin = origin;
    call.times.ready = performance.now() - call.asked;
    this.deliver(id, call, knock(this.packets, id, call.address));
    call.times.delivered = performance.now() - call.asked;
    this.packets.reset();
  }

  failed(id: number, reason: string): void {
    this.calls.get(id)?.end(reason);
  }

  gone(id: number, reason: string): void {
    this.calls.get(id)?.end(reason);
  }

  async close(): Promise<void> {
    clearInterval(this.ticking);
    await this.backend.stop();
  }

  private stand(): void {
    this.standing++;
    for (const one of this.waiting) {
      if (this.standing < one.count) continue;
      this.waiting.delete(one);
      // It is put on its shelf first.
      setImmediate(one.go);
    }
  }

  private deliver(id: number, { mac }: Call, row: number): void {
    frame(this.packets, row, mac);
    this.send(id, row);
  }

  private send(id: number, row: number): void {
    this.packets.clone[row] = id;
    this.rows[0] = row;
    this.backend.deliver(this.packets, this.rows, 1);
  }

  private collect(): void {
    const { packets, backend } = this;
    const count = backend.collect(packets, BATCH);
    for (let row = 0; row < count; row++) {
      const id = packets.clone[row]!;
      const call = this.calls.get(id);
      if (call && packets.fault[row] === 0) this.take(id, call, row);
    }
    packets.reset();
    if (backend.busy) setImmediate(() => this.collect());
  }

  private take(id: number, call: Call, row: number): void {
    const { packets } = this;
    if (etherType(packets, row) !== ETHERTYPE.ipv4) {
      if (answerArp(packets, row, call.address, call.mac)) this.send(id, row);
      return;
    }
    unframe(packets, row);
    if (call.times.answered > 0 || !accepts(packets, row, id)) return;
    call.times.answered = performance.now() - call.asked;
    this.deliver(id, call, hangUp(packets, row));
    call.end();
  }
}

const TRACED: Partial<Record<string, true>> = { posted: true, running: true, announced: true };
