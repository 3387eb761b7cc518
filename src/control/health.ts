import type { SharedStats } from './dataplane.js';
import type { ExportState } from './export-control.js';
import type { Reply } from './http.js';

/** What health is judged by. */
export interface Pulse {
  readonly worker: number;
  readonly alive: boolean;
  readonly stats: SharedStats | undefined;
}

/** Seconds without a turn after which a worker counts as stalled. An idle one runs a turn a second. */
const STALL = 5;

/** Seconds since a worker's last turn; undefined if there was none. */
function turnAge({ stats }: Pulse, now: number): number | undefined {
  const at = stats?.descriptions.find(({ name }) => name === 'last_turn_timestamp_seconds')?.at;
  const last = at === undefined ? 0 : stats!.slots[at]!;
  return last > 0 ? Math.max(0, now - last) : undefined;
}

/**
 * The answer of /healthz: 200 while packets can flow, 503 while a worker starts, stalls or has ended. That export is
 * stopped is a person's decision, or waits for one: it is told, and no failure.
 * @param now seconds since the epoch
 * @param uptime seconds
 */
export function health(pulses: readonly Pulse[], now: number, uptime: number, exports: ExportState): Reply {
  const workers = pulses.map((pulse) => {
    const lastTurnAge = turnAge(pulse, now);
    const status = !pulse.alive ? 'ended' : !pulse.stats ? 'starting' : (lastTurnAge ?? 0) > STALL ? 'stalled' : 'ok';
    return { worker: pulse.worker, status, alive: pulse.alive, lastTurnAge };
  });
  const status = workers.find((worker) => worker.status !== 'ok')?.status ?? 'ok';
  return {
    status: status === 'ok' ? 200 : 503,
    type: 'application/json',
    body: `${JSON.stringify({ status, uptime, export: exports, workers })}\n`,
  };
}
