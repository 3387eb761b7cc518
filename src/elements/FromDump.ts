import { Batch } from '../packet/batch.js';
import { CaptureFile } from '../packet/capture.js';
import { BATCH } from '../packet/columns.js';
import { RECEIVE_FAULTS } from '../packet/faults.js';
import { HeldPackets } from '../packet/held.js';
import { Element } from '../pipeline/element.js';
import { faultDrops, passSound } from '../pipeline/faulty.js';
import type { Spec } from '../pipeline/spec.js';
import { boolean, file, positional } from '../pipeline/values.js';

const spec = {
  summary: 'plays a capture file',
  inputs: {},
  outputs: { out: 'the IPv4 packets of the capture, without their link-layer header' },
  config: {
    filename: positional(file(undefined, 'The capture, pcap or pcapng; - is standard input.')),
    timing: boolean(false, 'Whether to keep the pace of the capture. Else it is played as fast as possible.'),
  },
  drops: faultDrops(...RECEIVE_FAULTS),
  source: ({ timing }: { readonly timing: boolean }) => (timing ? 'live' : 'record'),
  handlers: {
    filename: { read: 'the capture' },
    position: { read: 'bytes of it that have been read' },
  },
  effect: 'plays',
  workers: () => 'a capture is played by one worker, whose time is that of its packets',
} as const satisfies Spec;

/** Seconds of capture time that one turn spans at most, so that answers come between what was apart. */
const SPAN = 0.001;

/** Seconds of a gap in the capture that are gone through timer by timer: longer than any timeout by default. */
const SILENCE = 3600;

/**
 * Reads pcap in both byte orders and both time resolutions, and pcapng; of link types Ethernet (with 802.1Q and
 * 802.1ad), raw IP, Linux SLL and SLL2, and BSD null and loopback. What is not IPv4 is dropped and counted.
 *
 * A graph whose only sources are captures runs on their time: timeouts, and the times of what is written, are those
 * of the capture, and a replay gives the same result each time.
 *
 * If the file is damaged, everything up to the damage is played; then the run ends with an error that names the offset.
 *
 * @example
 *   FromDump(in.pcap) -> GreDecap -> CheckIPHeader -> Counter -> Discard;
 */
export class FromDump extends Element<typeof spec> {
  static readonly spec = spec;
  private capture: CaptureFile | undefined;
  private readonly batch = new Batch();
  /** Packets that were read, and whose time has not come. */
  private readonly later = new HeldPackets({ packets: BATCH });
  /** Wall time less capture time, when the pace is kept. */
  private lag: number | undefined;
  private waits = false;
  /** Time of the last packet played. */
  private last = Number.POSITIVE_INFINITY;

  override start(): void {
    try {
      this.capture = new CaptureFile(this.config.filename);
    } catch (error) {
      throw new Error(`${this.name}: cannot open the capture: ${(error as Error).message}`);
    }
  }

  override stop(): void {
    this.capture?.close();
  }

  override get ended(): boolean {
    return (this.capture?.ended ?? false) && this.later.count === 0;
  }

  override pull(max: number): boolean {
    const { batch, capture, later, packets } = this;
    batch.clear();
    const fresh = later.count === 0;
    if (fresh) this.read(max);
    const first = later.count > 0 ? later.oldestTime : batch.count > 0 ? this.time(batch.rows[0]!) : undefined;
    if (first === undefined) return false;
    if (!this.reached(first)) {
      this.hold(0);
      return this.services.clock.virtual;
    }
    const until = first + SPAN;
    while (later.count > 0 && later.oldestTime <= until && batch.count < max) batch.add(later.pop(packets));
    let due = batch.count;
    const taken = due;
    while (due > 1 && this.time(batch.rows[due - 1]!) > until) due--;
    this.hold(due);
    this.last = this.time(batch.rows[due - 1]!);
    if (this.services.clock.virtual) this.services.clock.advance(this.last);
    if (fresh && capture?.reader.faulty === 0)
      this.out.out.moveAll(batch, due === taken ? capture.reader.bytes : undefined);
    else passSound(packets, batch, this.drops, this.out.out);
    return true;
  }

  /** Keeps the rows of the batch from number `due` on for later. There is always room: one read is held at most. */
  private hold(due: number): void {
    const { batch } = this;
    for (let i = due; i < batch.count; i++) {
      this.later.push(this.packets, batch.rows[i]!);
      this.held++;
    }
    batch.count = due;
  }

  private time(row: number): number {
    return this.packets.sec[row]! + this.packets.nsec[row]! * 1e-9;
  }

  /** Whether the time of a packet has come. Timers that are due before it run first, each in a turn of its own. */
  private reached(time: number): boolean {
    const { clock } = this.services;
    if (clock.virtual) {
      clock.begin(time);
      // Nothing is going on any more after so long a silence, so the rest of it is skipped.
      if (clock.deadline > time || clock.now - this.last > SILENCE) return true;
      clock.advance(clock.deadline);
      return false;
    }
    if (!this.config.timing) return true;
    this.lag ??= clock.now - time;
    const wait = time + this.lag - clock.now;
    if (wait <= 0) return true;
    if (!this.waits) {
      this.waits = true;
      clock.after(wait, () => {
        this.waits = false;
      });
    }
    return false;
  }

  private read(max: number): void {
    try {
      this.capture?.read(this.packets, this.batch, max);
    } catch (error) {
      this.services.event({ kind: 'error', element: this.name, message: (error as Error).message });
    }
  }

  override handlers() {
    return {
      filename: { read: () => this.config.filename },
      position: { read: () => String(this.capture?.reader.position ?? 0) },
    };
  }
}
