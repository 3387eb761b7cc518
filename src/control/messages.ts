import type { Source } from '../pipeline/check.js';
import type { EngineEvent } from '../pipeline/events.js';
import type { StopCall } from '../pipeline/kill-switch.js';
import type { StatDescription } from '../pipeline/stats.js';

/** What a data-plane worker is told when it is made. */
export interface WorkerOrder {
  readonly source: Source;
  readonly defines: Readonly<Record<string, string>>;
  /** Number of this worker, from 0. */
  readonly worker: number;
  /** How many there are, and what their elements have in common, by name. */
  readonly workers: number;
  readonly common?: ReadonlyMap<string, unknown>;
  /** Name of the network namespace in which the graph's elements open their sockets. */
  readonly netns?: string;
  /** Whether the kernel filters what leaves; if it is not said, where clones' packets leave and root runs this. */
  readonly filter?: 'on' | 'off';
  /** The folder of what outlives a run. */
  readonly state: string;
  /** The memory of the kill switch, and the file that says that it was pulled; no file if nothing can leave. */
  readonly killSwitch: SharedArrayBuffer;
  readonly stopFile?: string;
  /** The memory of the vigil, and the seconds after which a thread that stands still stops export. */
  readonly vigil: SharedArrayBuffer;
  readonly stall: number;
  /** Seeds everything that looks random. */
  readonly seed?: bigint;
}

/** A call of a handler, for the control plane: `value` is there when it is a write. */
export interface HandlerCall {
  readonly handler: string;
  readonly value?: string;
}

/** What the control plane says to a worker. */
export type ToWorker =
  | { readonly kind: 'halt' }
  /** The last batch of events has been dealt with; the next may come. */
  | { readonly kind: 'taken' }
  | ({ readonly kind: 'call'; readonly id: number } & HandlerCall);

/** What a worker says to the control plane. */
export type FromWorker =
  /** All elements have started. */
  | { readonly kind: 'started'; readonly stats: SharedArrayBuffer; readonly descriptions: readonly StatDescription[] }
  /** The data plane has stopped export by itself. */
  | ({ readonly kind: 'stopped' } & StopCall)
  | { readonly kind: 'events'; readonly events: readonly EngineEvent[] }
  | { readonly kind: 'answer'; readonly id: number; readonly value: string }
  | { readonly kind: 'refusal'; readonly id: number; readonly message: string }
  /** Everything is closed. `errors` is how many elements reported one, `failure` what ended the run before its time. */
  | { readonly kind: 'ended'; readonly errors: number; readonly failure?: string };
