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
  /** A machine has ended by itself. */
  onEnd(machine: Machine, reason: string): void;
  /** One could not be made. */
  onFailure(image: string, reason: string): void;
  readonly trace?: Trace;
}

/** Bytes that a clone may write to its disk. They are memory. */
const DISK = 2 ** 30;

/** Where machines are made from images: started, restored and rehearsed. */
export class MachineWorkshop implements Workshop<Machine> {
  readonly nursery = new Nursery();
  private readonly options: WorkshopOptions;
  private readonly images: readonly FrozenImage[];
  private readonly running = new Map<number, Machine>();
  private readonly freeSlots: number[];
  private launcher!: Launcher;
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
    const shown = shownToQemu(kvm ? 'kvm' : 'tcg');
    this.launcher = await Launcher.start({ shown, slots: machines, onEnd: (id, reason) => this.ended(id, reason) });
  }

  async close(): Promise<void> {
    this.closing = true;
    for (const machine of [...this.running.values()]) this.discard(machine);
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
    const image = this.images[number]!;
    const { manifest, memory } = image;
    const slot = this.freeSlots.shift();
    if (slot === undefined) throw new Error(`all ${this.options.machines} machines run`);
    const id = ++this.last;
    const files = image.openFiles();
    try {
      const machine = await Machine.start(this.launcher, {
        id,
        slot,
        image: number,
        argv: [QEMU, ...cloneArguments(manifest.hardware)],
        memory,
        files,
        ...(manifest.disks.length > 0 && { disk: files.at(-1)! }),
        limits: { memory: manifest.hardware.memory + this.options.overhead, fileBytes: DISK },
      });
      this.running.set(id, machine);
      this.options.trace?.('launched', machine);
      this.nursery.admit(id, machine.copyNic(), frozenPlace(manifest));
      await machine.restore();
      this.options.trace?.('restored', machine);
      return machine;
    } catch (error) {
      const machine = this.running.get(id);
      if (machine) this.discard(machine);
      else this.freeSlots.push(slot);
      throw error;
    } finally {
      for (const fd of files) closeSync(fd);
    }
  }

  async prepare(machine: Machine): Promise<void> {
    await rehearse(machine, this.images[machine.image]!.manifest, this.nursery);
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

  private ended(id: number, reason: string): void {
    const machine = this.running.get(id);
    if (!machine) return;
    this.running.delete(id);
    this.freeSlots.push(machine.slot);
    this.discard(machine);
    if (!this.closing) this.options.onEnd(machine, reason);
  }
}
