import { randomBytes, timingSafeEqual } from 'node:crypto';
import type { EngineEvent } from '../pipeline/events.js';
import { KillSwitch, type StopCall } from '../pipeline/kill-switch.js';
import { Failure } from './failure.js';
import { oneLine } from './narrate.js';
import type { StopFile, StopRecord } from './stop-file.js';

/** Whether export is stopped, as people and programs are told. */
export type ExportState =
  | { readonly stopped: false }
  | (StopCall & {
      readonly stopped: true;
      readonly since: string;
      /** The file by which the stop outlives the daemon; what went wrong with it, if that is so. */
      readonly file?: string;
      readonly trouble?: string;
    });

/** Characters of what somebody gives as a reason, or as a name. */
const LONGEST = 300;

const bounded = (text: string) => oneLine(text.slice(0, LONGEST)).trim();

/**
 * The kill switch with its memory: who stopped export and why is told, and written down, so that a new start does not lift
 * it. To lift it takes the key in that file, which shows that whoever asks may read the folder of state.
 */
export class ExportControl {
  readonly killSwitch = new KillSwitch();
  private readonly file: StopFile | undefined;
  private readonly tell: (event: EngineEvent) => void;
  private record: StopRecord | undefined;
  private trouble: string | undefined;

  /**
   * @param file none if the graph has no exit: nothing can leave, and there is nothing to remember
   * @param tell takes what happens
   */
  constructor(file: StopFile | undefined, tell: (event: EngineEvent) => void) {
    this.file = file;
    this.tell = tell;
    try {
      this.record = file?.read();
      if (this.record) this.killSwitch.stop('', '');
    } catch (error) {
      // Somebody stopped export, and may not be overruled because the disk has failed since.
      this.killSwitch.stop('', '');
      this.note({ by: 'start', reason: (error as Error).message });
    }
    this.killSwitch.onStop = (call) => {
      this.note(call);
      this.tell({ kind: 'export', stopped: true, by: this.record!.by, reason: this.record!.reason });
    };
  }

  get state(): ExportState {
    if (!this.killSwitch.stopped) return { stopped: false };
    const { by, reason, since } = this.record ?? { by: 'the data plane', reason: '', since: new Date().toISOString() };
    return {
      ...{ stopped: true, since, by, reason },
      ...(this.file && { file: this.file.path }),
      ...(this.trouble !== undefined && { trouble: this.trouble }),
    };
  }

  /** Stops export. The data plane sees it before this returns. */
  stop(by: string, reason: string): ExportState {
    const before = this.killSwitch.stopped;
    this.killSwitch.stop(by, reason);
    // The data plane may have been first, and its word be still under way.
    if (!this.record) this.note({ by, reason });
    else if (before && !this.file?.exists) this.keep(this.record);
    return this.state;
  }

  /** Whether this is the key in the file. */
  opens(key: string): boolean {
    const [given, wanted] = [Buffer.from(key), Buffer.from(this.record?.key ?? '')];
    return wanted.length > 0 && given.length === wanted.length && timingSafeEqual(given, wanted);
  }

  /** Whether lifting takes a key. */
  get locked(): boolean {
    return this.file !== undefined;
  }

  /**
   * Lifts a stop.
   * @returns whether there was one
   * @throws {Failure} if it would come back with the next start; it then holds
   */
  allow(by: string, reason: string): boolean {
    if (!this.killSwitch.stopped) return false;
    try {
      this.file?.remove();
    } catch (error) {
      throw new Failure(`export stays stopped: ${(error as Error).message}`);
    }
    this.record = undefined;
    this.trouble = undefined;
    this.killSwitch.lift();
    this.tell({ kind: 'export', stopped: false, by: bounded(by), reason: bounded(reason) });
    return true;
  }

  private note({ by, reason }: StopCall): void {
    const key = randomBytes(24).toString('hex');
    this.record = { since: new Date().toISOString(), by: bounded(by), reason: bounded(reason), key };
    this.keep(this.record);
  }

  private keep(record: StopRecord): void {
    try {
      this.file?.write(record);
      this.trouble = undefined;
    } catch (error) {
      this.trouble = `it will not outlive the daemon: ${(error as Error).message}`;
      this.tell({
        kind: 'error',
        element: 'export',
        message: `the stop of export is not written down: ${this.trouble}`,
      });
    }
  }
}

/** A state in a line for people. */
export function describeExport(state: ExportState): string {
  if (!state.stopped) return 'export is allowed';
  const { since, by, reason, trouble } = state;
  return oneLine(`export is stopped since ${since}, by ${by}: ${reason}${trouble === undefined ? '' : `; ${trouble}`}`);
}
