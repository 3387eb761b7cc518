import { Worker } from 'node:worker_threads';
import type { EngineEvent } from '../pipeline/events.js';
import { KillSwitch } from '../pipeline/kill-switch.js';
import type { StatDescription } from '../pipeline/stats.js';
import { Failure } from './failure.js';
import type { FromWorker, HandlerCall, ToWorker, WorkerOrder } from './messages.js';
import { Vigil, vigilMemory } from './vigil.js';

/** Milliseconds: for a worker to end after it said so, and for it to answer a call of a handler. */
const GRACE = 1000;
const CALL = 5000;

/** Seconds that a thread may stand still: more than a machine that is overloaded makes it wait. */
export const DEFAULT_STALL = 30;

/** What a data plane is made from: an order, of which the data plane itself adds what it shares with its worker. */
export type PlaneOrder = Omit<WorkerOrder, 'killSwitch' | 'vigil' | 'stall' | 'workers'> &
  Partial<Pick<WorkerOrder, 'stall' | 'workers'>>;

/** How a run ended. */
export interface End {
  /** How many times elements reported an error. */
  readonly errors: number;
  /** What ended it before its time, in lines for a person. */
  readonly failure?: string;
}

/** The numbers of a worker's engine, in memory that the worker writes. */
export interface SharedStats {
  readonly slots: Float64Array;
  readonly descriptions: readonly StatDescription[];
}

interface Call {
  answer(value: string): void;
  refuse(error: Error): void;
}

/** A data-plane worker, seen from the control plane. */
export class DataPlane {
  /** When all elements have started; false if the run ended before that. */
  readonly started: Promise<boolean>;
  /** When everything is closed and the thread is gone. Never rejects. */
  readonly ended: Promise<End>;
  /** Since the start. */
  stats: SharedStats | undefined;
  alive = true;
  readonly worker: number;
  private readonly thread: Worker;
  private readonly calls = new Map<number, Call>();
  private lastCall = 0;
  private readonly vigil: Vigil;

  /** @param killSwitch that of the daemon */
  constructor(
    order: PlaneOrder,
    onEvents: (events: readonly EngineEvent[]) => void,
    killSwitch: KillSwitch = new KillSwitch(),
  ) {
    this.worker = order.worker;
    const { stall = DEFAULT_STALL, workers = 1 } = order;
    const vigil = vigilMemory();
    this.vigil = new Vigil(vigil, 0, stall, () =>
      killSwitch.stop('watchdog', `data-plane worker ${order.worker} has stood still for ${stall} s`),
    );
    this.thread = new Worker(new URL('./worker.js', import.meta.url), {
      workerData: { ...order, stall, workers, vigil, killSwitch: killSwitch.memory } satisfies WorkerOrder,
      // Descriptors are made by the addon too, and inherited by machines: Node.js cannot keep account of them.
      trackUnmanagedFds: false,
      name: `dataplane-${order.worker}`,
    });
    let end: End | undefined;
    let hasStarted = (_started: boolean) => {};
    this.started = new Promise((resolve) => {
      hasStarted = resolve;
    });
    this.thread.on('message', (message: FromWorker) => {
      switch (message.kind) {
        case 'started':
          this.stats = { slots: new Float64Array(message.stats), descriptions: message.descriptions };
          this.vigil.start();
          hasStarted(true);
          break;
        case 'stopped':
          killSwitch.hear({ by: message.by, reason: message.reason });
          break;
        case 'events':
          onEvents(message.events);
          this.tell({ kind: 'taken' });
          break;
        case 'answer':
          this.calls.get(message.id)?.answer(message.value);
          break;
        case 'refusal':
          this.calls.get(message.id)?.refuse(new Failure(message.message));
          break;
        case 'ended':
          end = message;
          this.vigil.rest();
          // A handle that an element forgot to close must not keep the process alive.
          setTimeout(() => void this.thread.terminate(), GRACE).unref();
          break;
      }
    });
    this.ended = new Promise((resolve) => {
      this.thread.on('error', (error) => {
        end ??= { errors: 0, failure: error instanceof Error ? error.message : String(error) };
      });
      this.thread.on('exit', (code) => {
        this.alive = false;
        this.vigil.stop();
        hasStarted(false);
        for (const call of this.calls.values()) call.refuse(new Failure('the data plane has ended'));
        resolve(end ?? { errors: 0, failure: `the data plane's thread ended with status ${code}` });
      });
    });
  }

  /** Ends the run: sources stop, queues are emptied, everything is closed. `ended` says when. */
  halt(): void {
    this.vigil.rest();
    this.tell({ kind: 'halt' });
  }

  /**
   * Reads a handler (`element.handler`), or writes it if there is a value.
   * @throws {Failure} when there is no such handler, it refuses, or the data plane does not answer in time
   */
  call(call: HandlerCall, milliseconds = CALL): Promise<string> {
    if (!this.alive) return Promise.reject(new Failure('the data plane has ended'));
    const id = ++this.lastCall;
    return new Promise((resolve, reject) => {
      const done = () => {
        clearTimeout(timer);
        this.calls.delete(id);
      };
      const refuse = (error: Error) => {
        done();
        reject(error);
      };
      const timer = setTimeout(
        () => refuse(new Failure(`${call.handler}: no answer from the data plane within ${milliseconds / 1000} s`)),
        milliseconds,
      );
      this.calls.set(id, {
        answer(value) {
          done();
          resolve(value);
        },
        refuse,
      });
      this.tell({ kind: 'call', id, ...call });
    });
  }

  private tell(message: ToWorker): void {
    if (this.alive) this.thread.postMessage(message);
  }
}
