import { closeSync } from 'node:fs';
import { native } from '../../native/addon.js';
import type { Packets } from '../../packet/packets.js';
import type { Services } from '../../pipeline/element.js';
import type { AgentReport, Baseline } from '../agent-report.js';
import type {
  BackendListener,
  Captive,
  CloneAccount,
  CloneBackend,
  Identity,
  Origin,
  PoolMemory,
  Stock,
} from '../backend.js';
import { readReport } from '../capture-record.js';
import { allocated } from '../disk-copy.js';
import { ImageStore } from '../image/store.js';
import { Pool } from '../pool.js';
import { gatewayOf } from '../wire.js';
import { Wires } from '../wires.js';
import { within } from '../within.js';
import { FROZEN_MAC } from './command-line.js';
import { FrozenImage } from './frozen-image.js';
import type { Machine } from './machine.js';
import { identityLetter } from './rehearsal.js';
import { askReport } from './report.js';
import { type StandbyOptions, StandbyPool, type Taker } from './standby.js';
import type { Trace } from './trace.js';
import { qemuVersion } from './version.js';
import { MachineWorkshop } from './workshop.js';

export interface QemuOptions {
  readonly services: Pick<Services, 'clock' | 'wake'>;
  /** The folder of all state, in which the images are. */
  readonly state: string;
  /** Machines at once: clones, those that stand by and those in the making. */
  readonly machines: number;
  readonly standby: StandbyOptions;
  /** Bytes that the process of a machine may use beyond its image. */
  readonly overhead: number;
  /** Bytes that a machine with a disk may write to it. They are memory as well. */
  readonly disk: number;
  /** Takes what a person should know. */
  warn(message: string): void;
  /** Is told how far machines have come. */
  readonly trace?: Trace;
}

/** A clone that was asked for, until it is destroyed. */
interface Guest {
  readonly id: number;
  readonly image: number;
  readonly identity: Identity;
  readonly taker: Taker<Machine>;
  machine: Machine | undefined;
  ready: boolean;
  /** Holds still, for good. */
  held: boolean;
  /** Bytes of its delta when it was last looked at. */
  delta: number;
  /** Whether QEMU owes an answer since it was last looked at. */
  silent: boolean;
  /** What its agent is being asked. */
  report: Promise<AgentReport> | undefined;
}

/** Bits of the network that a clone believes to be in: see gatewayOf. */
const PREFIX = 24;
/** Milliseconds for a clone to take on its identity. */
const IDENTITY = 5000;
/** Seconds in which each clone is looked at once, and in how many parts that is done, so that none takes long. */
const ROUND = 1;
const PARTS = 10;
/** Milliseconds for a clone that is to be captured: for its agent to answer, and for QEMU to stop it. */
const LAST_WORDS = 1000;
const PAUSE = 5000;
/** Rounds after which a clone is asked for a sign of life. It has as long to give it. */
const HEARTBEAT = 5;

/**
 * Clones that are real machines: a jailed QEMU process each, restored from a frozen image, with a private copy of its
 * memory. Machines are made ahead and rehearsed; a request gives one of them an identity and lets it run.
 */
export class QemuBackend implements CloneBackend {
  private readonly options: QemuOptions;
  private readonly pool: Pool;
  private images: readonly FrozenImage[] = [];
  private listener!: BackendListener;
  private workshop!: MachineWorkshop;
  private standby!: StandbyPool<Machine>;
  private readonly wires = new Wires();
  private readonly guests = new Map<number, Guest>();
  /** Whose a machine is. Those that have no guest stand by, or are in the making. */
  private readonly guestOf = new Map<Machine, Guest>();
  private more = false;
  private part = 0;

  constructor(options: QemuOptions) {
    this.options = options;
    // Only for the images: clones have their copies in processes of their own.
    this.pool = new Pool({ budget: 1, clones: 1 });
  }

  /** @throws {ImageError} if an image is missing, damaged or frozen by another QEMU; {Error} if there can be no jails. */
  async start(listener: BackendListener, images: readonly string[]): Promise<void> {
    const { services, standby, state, machines, overhead, disk, warn, trace } = this.options;
    if (services.clock.virtual)
      throw new Error('BACKEND qemu cannot run on the time of a capture: its machines are real');
    this.listener = listener;
    const store = new ImageStore(state);
    const qemu = await qemuVersion();
    this.images = await Promise.all(images.map((name) => FrozenImage.load(store.path(name), this.pool, qemu)));
    this.workshop = new MachineWorkshop(this.images, {
      machines,
      overhead,
      disk,
      onEnd: (machine, reason) => this.ended(machine, reason),
      onFailure: (image, reason) => warn(`no machine of image ${image} could be made: ${reason}`),
      ...(trace && { trace }),
    });
    await this.workshop.open();
    warn(`machines are jailed; ${this.workshop.limits}`);
    this.standby = new StandbyPool(services, images.length, this.workshop, standby);
    this.wires.onReadable(() => services.wake());
    services.clock.every(ROUND / PARTS, () => this.lookAfter());
    this.standby.work();
  }

  async stop(): Promise<void> {
    this.standby?.stop();
    await this.workshop?.close();
    this.wires.close();
    for (const image of this.images) image.close();
    this.pool.close();
  }

  insideAddress(image: number): number | undefined {
    const { identity, address } = this.images[image]!.manifest;
    return identity === 'translate' ? address.address : undefined;
  }

  insideMac(image: number): Uint8Array | undefined {
    return this.images[image]!.manifest.identity === 'translate' ? FROZEN_MAC : undefined;
  }

  request(id: number, image: number, identity: Identity): void {
    const guest: Guest = {
      id,
      image,
      identity,
      taker: (machine, origin) => void this.bind(guest, machine, origin),
      machine: undefined,
      ready: false,
      held: false,
      delta: 0,
      silent: false,
      report: undefined,
    };
    this.guests.set(id, guest);
    this.standby.take(image, guest.taker);
  }

  deliver(packets: Packets, rows: Uint16Array, count: number): number {
    return this.wires.send(packets, rows, count);
  }

  collect(packets: Packets, max: number): number {
    const taken = this.wires.receive(packets, max);
    this.more = taken === max;
    return taken;
  }

  get busy(): boolean {
    return this.more;
  }

  delta(id: number): number {
    return this.guests.get(id)?.delta ?? 0;
  }

  memory(): PoolMemory {
    let delta = 0;
    for (const guest of this.guests.values()) delta += guest.delta;
    return { reference: this.pool.accounts.reference, delta, tables: 0 };
  }

  stock(): Stock {
    return this.standby;
  }

  baseline(image: number): Omit<Baseline, 'allowance'> {
    const { delta, report } = this.images[image]!.manifest.baseline;
    return { delta, report: report && readReport(report) };
  }

  pid(id: number): number | undefined {
    return this.guests.get(id)?.machine?.pid;
  }

  account(id: number): CloneAccount | undefined {
    const machine = this.guests.get(id)?.machine;
    return machine && ifAlive(() => accountOf(machine));
  }

  report(id: number): Promise<AgentReport> | undefined {
    const guest = this.guests.get(id);
    if (!guest?.machine || !guest.ready || guest.held) return undefined;
    if (this.images[guest.image]!.manifest.mailbox === undefined) return undefined;
    // It has one port, so all who ask meanwhile get the same answer.
    guest.report ??= askReport(guest.machine).finally(() => {
      guest.report = undefined;
    });
    return guest.report;
  }

  async hold(id: number): Promise<Captive> {
    const guest = this.guests.get(id);
    const machine = guest?.machine;
    if (!guest?.ready || !machine) throw new Error('it does not run');
    const asked = this.report(id);
    guest.held = true;
    this.wires.remove(id);
    // A guest that was taken over need not answer.
    const report = asked && (await within(asked, LAST_WORDS, 'its agent').catch(() => undefined));
    await within(machine.pause(), PAUSE, 'QEMU');
    const account = ifAlive(() => accountOf(machine));
    if (this.guests.get(id) !== guest || !account) throw new Error('it has ended');
    const disk = machine.disk === undefined ? undefined : native.duplicate(machine.disk);
    return {
      memory: machine.memory,
      account,
      ...(report && { report }),
      ...(disk !== undefined && { disk }),
      release: () => {
        if (disk !== undefined) closeSync(disk);
      },
    };
  }

  destroy(id: number): void {
    const guest = this.guests.get(id);
    if (!guest) return;
    this.guests.delete(id);
    this.standby.cancel(guest.image, guest.taker);
    this.wires.remove(id);
    if (guest.machine) {
      this.guestOf.delete(guest.machine);
      this.workshop.discard(guest.machine);
    }
  }

  /** Makes a machine the clone that was asked for. */
  private async bind(guest: Guest, machine: Machine, origin: Origin): Promise<void> {
    const { id, identity } = guest;
    const { manifest } = this.images[guest.image]!;
    guest.machine = machine;
    this.guestOf.set(machine, guest);
    if (origin === 'cold') machine.setNice(0);
    try {
      if (manifest.mailbox === undefined) await this.run(machine, id);
      else await this.introduce(machine, manifest, id, identity);
      // It may have been destroyed meanwhile.
      if (this.guests.get(id) !== guest) return;
      this.workshop.nursery.dismiss(machine.id);
      this.wires.add(id, machine.takeNic());
      guest.ready = true;
      this.listener.ready(id, origin);
    } catch (error) {
      if (this.guests.get(id) === guest) this.listener.failed(id, (error as Error).message);
    }
  }

  /** Lets a machine run and waits until it is who it is to be. */
  private async introduce(
    machine: Machine,
    manifest: FrozenImage['manifest'],
    id: number,
    identity: Identity,
  ): Promise<void> {
    const { nursery } = this.workshop;
    const { address, mac } = identity;
    const place = { address, mac, gateway: gatewayOf(address), prefix: PREFIX };
    nursery.move(machine.id, place);
    const announced = nursery.announced(machine.id, IDENTITY);
    machine.post(manifest.mailbox!, identityLetter(manifest, identity, place, true));
    this.options.trace?.('posted', machine, id);
    await this.run(machine, id);
    if (!(await announced)) throw new Error(`its agent did not take on its identity in ${IDENTITY / 1000} s`);
    this.options.trace?.('announced', machine, id);
  }

  private async run(machine: Machine, id: number): Promise<void> {
    await machine.run();
    this.options.trace?.('running', machine, id);
  }

  private ended(machine: Machine, reason: string): void {
    const guest = this.guestOf.get(machine);
    this.guestOf.delete(machine);
    this.standby.forget(machine.image, machine);
    if (!guest || guest.held) return;
    guest.machine = undefined;
    if (guest.ready) this.listener.gone(guest.id, reason, 'died');
    else this.listener.failed(guest.id, reason);
  }

  /** Measures some clones, asks them for a sign of life, and ends those that have given none. */
  private lookAfter(): void {
    this.standby.work();
    this.part = (this.part + 1) % (PARTS * HEARTBEAT);
    for (const guest of this.guests.values()) {
      const { machine } = guest;
      if (!machine || !guest.ready || guest.held) continue;
      if (guest.id % PARTS === this.part % PARTS) guest.delta = ifAlive(() => machine.memory.delta()) ?? guest.delta;
      if (guest.id % (PARTS * HEARTBEAT) === this.part) this.askForLife(guest, machine);
    }
  }

  private askForLife(guest: Guest, machine: Machine): void {
    if (guest.silent) {
      this.listener.gone(guest.id, `QEMU has not answered for ${ROUND * HEARTBEAT} s`, 'hung');
      return;
    }
    guest.silent = true;
    machine.qmp.execute('query-status').then(
      () => {
        guest.silent = false;
      },
      // Its end is told by the launcher.
      () => {},
    );
  }
}

function accountOf({ memory, disk }: Machine): CloneAccount {
  const { guest, pss, overhead } = memory.account();
  return { delta: guest, pss, overhead, disk: disk === undefined ? 0 : allocated(disk) };
}

/** Looks at a process. Undefined if it has ended, which the launcher may not have told yet. */
function ifAlive<T>(look: () => T): T | undefined {
  try {
    return look();
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ESRCH' || code === 'ENOENT') return undefined;
    throw error;
  }
}
