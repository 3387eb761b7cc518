import type { EngineEvent } from '../pipeline/events.js';
import type { KillSwitch } from '../pipeline/kill-switch.js';
import { DataPlane, type End, type PlaneOrder } from './dataplane.js';

/** The workers of one daemon. They begin together, and when one of them ends all do. */
export class DataPlanes {
  readonly all: readonly DataPlane[];
  /** When all elements of all workers have started; false if the run ended before that. */
  readonly started: Promise<boolean>;
  /** When all threads are gone. Never rejects. */
  readonly ended: Promise<End>;

  constructor(
    workers: number,
    order: Omit<PlaneOrder, 'worker' | 'workers'>,
    onEvents: (events: readonly EngineEvent[]) => void,
    killSwitch: KillSwitch,
  ) {
    this.all = Array.from(
      { length: workers },
      (_, worker) => new DataPlane({ ...order, worker, workers }, onEvents, killSwitch),
    );
    this.started = Promise.all(this.all.map(({ started }) => started)).then((each) => each.every(Boolean));
    // The packets of a worker that has ended would be lost, and nobody would see it.
    for (const plane of this.all) void plane.ended.then(() => this.halt());
    this.ended = Promise.all(this.all.map(({ ended }) => ended)).then((ends) => {
      const failures = new Set(ends.flatMap(({ failure }) => failure ?? []));
      return {
        errors: ends.reduce((sum, { errors }) => sum + errors, 0),
        ...(failures.size > 0 && { failure: [...failures].join('\n') }),
      };
    });
  }

  /** Ends the run: see DataPlane.halt. */
  halt(): void {
    for (const plane of this.all) plane.halt();
  }
}
