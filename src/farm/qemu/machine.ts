import { closeSync, readdirSync } from 'node:fs';
import { setPriority } from 'node:os';
import { setTimeout } from 'node:timers/promises';
import { getSystemErrorName } from 'node:util';
import { native } from '../../native/addon.js';
import type { ReferenceImage } from '../pool.js';
import { ProcessMemory } from '../process-memory.js';
import { Wires } from '../wires.js';
import { FD } from './command-line.js';
import type { Launched, Launcher, Limits } from './launcher.js';
import { LETTER_AT, type Letter, REQUEST_AT, readOutcome, writeLetter } from './mailbox.js';
import { Qmp } from './qmp.js';
import { SerialPort } from './serial.js';

/** Milliseconds between two looks whether the devices are restored, and how long that may take. */
const LOOK = 1;
const PATIENCE = 10_000;

/** Codes of what fails because a process, or a thread of it, has ended. */
const ENDED = ['ENOENT', 'ESRCH'];

/** Memory that is a file of its own is not part of the devices' state. */
const WITHOUT_MEMORY = { capabilities: [{ capability: 'x-ignore-shared', state: true }] };

export interface MachineOrder {
  /** No two machines of a launcher have the same. */
  readonly id: number;
  /** Which user it runs as, and which network it has for itself: no two that run have the same. */
  readonly slot: number;
  /** Number of the image that it is made from. */
  readonly image: number;
  /** The program and its arguments. */
  readonly argv: readonly string[];
  readonly memory: ReferenceImage;
  /** Descriptors it inherits from FD.state on. They stay the caller's. */
  readonly files: readonly number[];
  /** The top layer of its disk, one of the files, if it has one. */
  readonly disk?: number;
  readonly limits: Limits;
}

/** One QEMU process, jailed, and the ends of its wires that are ours. */
export class Machine {
  readonly id: number;
  readonly slot: number;
  readonly image: number;
  readonly pid: number;
  /** Becomes how it ended, when nothing is left of it. */
  readonly ended: Promise<string>;
  readonly qmp: Qmp;
  readonly serial: SerialPort;
  /** Our end of its NIC: a descriptor that belongs to this object until somebody takes it. */
  private nic: number;
  /** The top layer of its disk, undefined if it has none. */
  readonly disk: number | undefined;
  private readonly reference: ReferenceImage;
  private readonly launcher: Launcher;
  private own: ProcessMemory | undefined;
  private letters = 0;
  private killed = false;

  /** `ends`: of the monitor, the serial port and the NIC, and the top layer of its disk; they are taken over. */
  private constructor(launcher: Launcher, order: MachineOrder, { pid, ended }: Launched, ends: readonly number[]) {
    const [qmp, serial, nic, disk] = ends as [number, number, number, number?];
    this.launcher = launcher;
    this.id = order.id;
    this.slot = order.slot;
    this.image = order.image;
    this.pid = pid;
    this.ended = ended;
    this.qmp = new Qmp(qmp);
    this.serial = new SerialPort(serial);
    this.nic = nic;
    this.disk = disk;
    this.reference = order.memory;
  }

  /** @throws {Error} if it does not start. */
  static async start(launcher: Launcher, order: MachineOrder): Promise<Machine> {
    const ours: number[] = [];
    const theirs: number[] = [];
    try {
      for (const pair of [native.streamPair, native.streamPair, Wires.pair]) {
        const [end, other] = pair();
        ours.push(end);
        theirs.push(other);
      }
      const { argv, slot, limits, id, files, memory, disk } = order;
      if (disk !== undefined) ours.push(native.duplicate(disk));
      const launched = await launcher.launch({ id, argv, fds: [memory.fd, ...theirs, ...files], slot, limits });
      return new Machine(launcher, order, launched, ours);
    } catch (error) {
      for (const fd of ours) closeSync(fd);
      throw error;
    } finally {
      for (const fd of theirs) closeSync(fd);
    }
  }

  /** Its copy of the image's memory. @throws {Error} before it is restored */
  get memory(): ProcessMemory {
    if (!this.own) throw new Error('the machine is not restored');
    return this.own;
  }

  /** Restores a clone's devices from FD.state. @throws {Error} if that takes too long, or it is gone. */
  async restore(): Promise<void> {
    // All at once: they are done in this order.
    const told = [
      this.qmp.execute('migrate-set-capabilities', WITHOUT_MEMORY),
      // Nobody announces himself who does not have his address yet.
      this.qmp.execute('migrate-set-parameters', { 'announce-rounds': 0 }),
      this.qmp.execute('migrate-incoming', { uri: `fd:${FD.state}` }),
    ];
    await Promise.all(told);
    for (const since = performance.now(); ; await setTimeout(LOOK)) {
      const { status } = (await this.qmp.execute('query-status')) as { status: string };
      if (status === 'paused') break;
      if (status !== 'inmigrate') throw new Error(`after it was restored its state is '${status}'`);
      if (performance.now() - since > PATIENCE) throw new Error(`not restored in ${PATIENCE / 1000} s`);
    }
    // What is opened after its end nobody closes.
    if (this.killed) throw new Error('it was killed while it was restored');
    this.own = new ProcessMemory(this.pid, this.reference);
  }

  /** Lets all its threads, and those that they start, take their turn after others (10), or like everybody (0): nice(2). */
  setNice(nice: 0 | 10): void {
    try {
      for (const thread of readdirSync(`/proc/${this.pid}/task`)) setPriority(Number(thread), nice);
    } catch (error) {
      // Its end is told by the launcher.
      const { code = '', info } = error as NodeJS.ErrnoException & { info?: { code: string } };
      if (!ENDED.includes(info?.code ?? code)) throw error;
    }
  }

  async run(): Promise<void> {
    await this.qmp.execute('cont');
  }

  async pause(): Promise<void> {
    await this.qmp.execute('stop');
  }

  /** Writes the state of a reference's devices into a file. It must stand still, and does nothing more afterwards. */
  async save(file: number): Promise<void> {
    await this.qmp.execute('migrate-set-capabilities', WITHOUT_MEMORY);
    await this.qmp.giveDescriptor('state', file);
    await this.qmp.execute('migrate', { uri: 'fd:state' });
    for (;;) {
      const { status } = (await this.qmp.execute('query-migrate')) as { status: string };
      if (status === 'completed') return;
      if (status === 'failed') throw new Error('QEMU could not save the state of its devices');
      await setTimeout(LOOK);
    }
  }

  /** Puts a letter into the agent's mailbox. It acts as soon as the machine runs. */
  post(mailbox: number, letter: Letter): void {
    // A reference's memory is the file itself.
    const memory = this.own ?? this.reference;
    const request = Buffer.alloc(4);
    request.writeUInt32LE(++this.letters);
    memory.write(mailbox + LETTER_AT, writeLetter(letter));
    memory.write(mailbox + REQUEST_AT, request);
  }

  /** What became of the last letter, in words. */
  outcome(mailbox: number): string {
    const page = Buffer.alloc(LETTER_AT + 4);
    (this.own ?? this.reference).read(mailbox, page);
    const { answer, status } = readOutcome(page);
    if (answer !== this.letters) return 'its agent does not answer';
    return status === 0 ? 'its agent has set it' : `its agent failed: ${getSystemErrorName(-status)}`;
  }

  /** Gives the NIC away: whoever takes it closes it. */
  takeNic(): number {
    const { nic } = this;
    this.nic = -1;
    return nic;
  }

  /** A further descriptor of the NIC. */
  copyNic(): number {
    return native.duplicate(this.nic);
  }

  /** Ends it at once. May be called again. */
  kill(): void {
    if (this.killed) return;
    this.killed = true;
    this.launcher.kill(this.id);
    this.qmp.close();
    this.serial.close();
    this.own?.close();
    if (this.nic >= 0) closeSync(this.takeNic());
    if (this.disk !== undefined) closeSync(this.disk);
  }
}
