import { closeSync } from 'node:fs';
import { cloneArguments, QEMU, shownToQemu } from './command-line.js';
import type { FrozenImage } from './frozen-image.js';
import { Launcher } from './launcher.js';
import { Machine } from './machine.js';
import { Nursery } from './nursery.js';
import { frozenPlace, rehearse } from './rehearsal.js';
import type { Workshop } from './standby.js';
import type { Trace } from './trace.js';

export interface WorkshopOptions {
  /** Machines that may run at once. */
  readonly machines: number;
  /** Bytes that the process of a machine may use beyond its image. */
  readonly overhead: number;
  /** Bytes that a machine with a disk may write to it. They are memory as well. */
  readonly disk: number;
  /** A machine has ended by itself. */
  onEnd(machine: Machine, reason: string): void;
  /** One could not be made. */
  onFailure(image: string, reason: string): void;
  readonly trace?: Trace;
}

/** Where machines are made from images: started, restored and rehearsed. */
export class MachineWorkshop implements Workshop<Machine> {
  readonly nursery = new Nursery();
  private readonly options: WorkshopOptions;
  private readonly images: readonly FrozenImage[];
  private readonly running = new Map<number, Machine>();
  private readonly freeSlots: number[];
  private launcher!: Launcher;
  private reopening: Promise<void> | undefined;
  private last = 0;
  private closing = false;

  constructor(images: readonly FrozenImage[], options: WorkshopOptions) {
    this.images = images;
    this.options = options;
    this.freeSlots = Array.from({ length: options.machines }, (_, i) => i);
  }

  /** @throws {Error} if machines cannot be jailed here. */
  async open(): Promise<void> {
    const { machines } = this.options;
    const kvm = this.images.some(({ manifest }) => manifest.hardware.accelerator === 'kvm');
    this.launcher = await Launcher.start({ shown: shownToQemu(kvm ? 'kvm' : 'tcg'), slots: machines });
  }

  async close(): Promise<void> {
    this.closing = true;
    for (const machine of [...this.running.values()]) this.discard(machine);
    await this.reopening?.catch(() => {
      // Whoever wanted a machine hears of it.
    });
    await this.launcher.close();
    this.nursery.close();
  }

  /** What limits are in force, in a line. */
  get limits(): string {
    return this.launcher.limits;
  }

  /** Machines that run, whatever for. */
  get count(): number {
    return this.running.size;
  }

  async start(number: number): Promise<Machine> {
    await this.reopen();
    const image = this.images[number]!;
    const { manifest, memory } = image;
    if (this.freeSlots.length === 0) throw new Error(`all ${this.options.machines} machines run`);
    const id = ++this.last;
    const files = image.openFiles();
    const disk = manifest.disks.length > 0 ? this.options.disk : 0;
    const slot = this.freeSlots.shift()!;
    let machine: Machine | undefined;
    try {
      machine = await Machine.start(this.launcher, {
        id,
        slot,
        image: number,
        argv: [QEMU, ...cloneArguments(manifest.hardware)],
        memory,
        files,
        ...(manifest.disks.length > 0 && { disk: files.at(-1)! }),
        limits: { memory: manifest.hardware.memory + this.options.overhead + disk, fileBytes: disk },
      });
      this.adopt(machine);
      // Whoever plays somebody already goes before those that are made ahead.
      machine.setNice(10);
      this.options.trace?.('launched', machine);
      this.nursery.admit(id, machine.copyNic(), frozenPlace(manifest));
      await machine.restore();
      this.options.trace?.('restored', machine);
      return machine;
    } catch (error) {
      if (!machine) {
        this.freeSlots.push(slot);
        throw error;
      }
      this.discard(machine);
      // Why it broke off may be among its last words.
      throw new Error(`${(error as Error).message} (${await machine.ended})`);
    } finally {
      for (const fd of files) closeSync(fd);
    }
  }

  async prepare(machine: Machine): Promise<void> {
    await rehearse(machine, this.images[machine.image]!.manifest, this.nursery);
    machine.setNice(0);
    this.options.trace?.('rehearsed', machine);
  }

  /** Ends a machine. Its slot is free when it is gone. */
  discard(machine: Machine): void {
    this.nursery.dismiss(machine.id);
    machine.kill();
  }

  failed(image: number, reason: string): void {
    if (!this.closing) this.options.onFailure(this.images[image]!.manifest.name, reason);
  }

  /** Whatever ended the launcher, and with it all machines, does not end the farm. */
  private async reopen(): Promise<void> {
    if (this.launcher.alive || this.closing) return;
    this.reopening ??= this.launcher
      .close()
      .then(() => this.open())
      .finally(() => {
        this.reopening = undefined;
      });
    await this.reopening;
  }

  /** Counts it from now on until its end, whoever brings that about. */
  private adopt(machine: Machine): void {
    this.running.set(machine.id, machine);
    void machine.ended.then((reason) => this.ended(machine, reason));
  }

  private ended(machine: Machine, reason: string): void {
    this.running.delete(machine.id);
    this.freeSlots.push(machine.slot);
    this.discard(machine);
    if (!this.closing) this.options.onEnd(machine, reason);
  }
}
