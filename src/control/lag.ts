import { monitorEventLoopDelay } from 'node:perf_hooks';
import type { Stats } from '../pipeline/stats.js';

/** Milliseconds between samples, and between reports. */
const RESOLUTION = 20;
const PERIOD = 1000;

/**
 * Measures how late this thread's event loop is, and keeps the worst of the last second in a gauge.
 * @returns ends the measuring
 */
export function measureLag(stats: Stats): () => void {
  const lag = stats.gauge(
    'event_loop_lag_seconds',
    'the longest that the data plane kept its event loop waiting in the last second',
    {},
  );
  const delay = monitorEventLoopDelay({ resolution: RESOLUTION });
  delay.enable();
  const timer = setInterval(() => {
    lag.set(Math.max(0, delay.max / 1e9 - RESOLUTION / 1e3));
    delay.reset();
  }, PERIOD);
  timer.unref();
  return () => {
    clearInterval(timer);
    delay.disable();
  };
}
