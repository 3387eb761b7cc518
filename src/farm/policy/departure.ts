import { Batch } from '../../packet/batch.js';
import type { Packets } from '../../packet/packets.js';
import type { Drop } from '../../pipeline/element.js';
import type { ExportStop } from '../../pipeline/kill-switch.js';
import type { Universes } from '../universes.js';
import type { Claims } from './claims.js';
import { describeFlow, flowEnds } from './decisions.js';
import { type Exit, REFUSAL_NAMES, type Refusal } from './exit.js';
import { ExportRate } from './export-rate.js';
import { isReply } from './facts.js';
import type { Judge } from './judge.js';

export interface DepartureOptions {
  readonly packets: Packets;
  readonly exit: Exit;
  readonly judge: Judge;
  readonly claims: Claims;
  readonly universes: Universes;
  readonly killSwitch: ExportStop;
  /** Who stops export here. */
  readonly element: string;
  /** Most packets that may leave in a second. */
  readonly rate: number;
  readonly drops: Readonly<Record<Refusal | 'borrowed' | 'stopped', Drop>>;
  /** The ceiling was in the way. */
  onBreach(): void;
}

/** What policy lets out leaves here, unless the ceiling is in the way, or what the outside knows of it, or export is stopped. */
export class Departure {
  /** Whether export was stopped when the batch in hand came, or has been since. */
  stopped = false;
  private readonly options: DepartureOptions;
  private readonly exit: Exit;
  private readonly rate: ExportRate;
  /** What leaves with the batch in hand, if nothing is in the way. */
  private readonly leaving = new Batch();

  constructor(options: DepartureOptions) {
    this.options = options;
    this.exit = options.exit;
    this.rate = new ExportRate(options.rate);
  }

  /** A batch comes. */
  begin(): void {
    this.stopped = this.options.killSwitch.stopped;
    // Rows of a batch that was broken off are other packets by now.
    this.leaving.clear();
  }

  /** Stops export. */
  stop(reason: string): void {
    const { killSwitch, element } = this.options;
    killSwitch.stop(element, reason);
    this.stopped = true;
  }

  /** Policy lets a row out. */
  add(row: number): void {
    this.leaving.add(row);
  }

  /** Ends the rows that policy has let out: those that leave go to a batch. */
  leave(now: number, forward: Batch): void {
    const { exit, leaving, rate } = this;
    const { drops } = this.options;
    exit.look(leaving);
    for (let i = 0; i < leaving.count; i++) {
      const row = leaving.rows[i]!;
      const refusal = REFUSAL_NAMES[exit.refusals[i]!] ?? this.refusalOfBegun(row);
      if (refusal !== undefined) {
        if (refusal === 'ceiling') this.breach(row);
        drops[refusal].add(row);
        continue;
      }
      if (!this.stopped && rate.exceeds(now)) this.stop(`more than ${rate.most} packets left in a second`);
      if (this.stopped) drops.stopped.add(row);
      else forward.add(row);
    }
    leaving.clear();
  }

  /** The turn is over. */
  settle(): void {
    this.options.claims.clear();
  }

  /** Why a packet does not leave that answers nobody; undefined if it does, or is an answer. */
  private refusalOfBegun(row: number): 'borrowed' | 'collision' | undefined {
    const { packets, universes, judge, claims } = this.options;
    if (isReply(packets.flowState[row]!)) return undefined;
    // Whoever another clone has called plays any address there is. That one is ours is known once the outside has contacted it.
    const clone = universes.get(packets.universe[row]!)?.clones.get(packets.src[row]!);
    if (clone?.parent || !clone) return 'borrowed';
    // Another universe may have begun the same flow in this turn.
    return judge.isFresh(row) && !claims.take(row) ? 'collision' : undefined;
  }

  /** A packet was about to leave that the proof says no rule lets out: what judges here is not to be trusted any more. */
  private breach(row: number): void {
    const { packets, onBreach } = this.options;
    onBreach();
    this.stop(`about to leave though the ceiling does not allow it: ${describeFlow(flowEnds(packets, row))}`);
  }
}
