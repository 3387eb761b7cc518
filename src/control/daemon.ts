import { DEFAULT_STATE } from '../farm/state.js';
import type { Source } from '../pipeline/check.js';
import type { EngineEvent } from '../pipeline/events.js';
import { DataPlane } from './dataplane.js';
import { tellFarms } from './farms.js';
import { health } from './health.js';
import { formatListen, HttpServer, type ListenAddress } from './http.js';
import { metricsRegistry } from './metrics.js';
import { eventJson, narrate, oneLine } from './narrate.js';

export interface DaemonOptions {
  /** A graph in which nothing is wrong. */
  readonly source: Source;
  readonly defines: Readonly<Record<string, string>>;
  readonly netns?: string;
  /** Whether the kernel filters what leaves. Default: where clones' packets leave and root runs this. */
  readonly filter?: 'on' | 'off';
  /** The folder of what outlives a run. Default: DEFAULT_STATE. */
  readonly state?: string;
  readonly seed?: bigint;
  /** Where metrics, health, clones and universes are told; nowhere if undefined. */
  readonly listen: ListenAddress | undefined;
  readonly events: 'text' | 'json' | 'off';
  readonly version: string;
  /** Takes one line for the person at the terminal. */
  log(line: string): void;
  /** Takes every event, beside what is logged of it. */
  readonly onEvent?: (event: EngineEvent) => void;
  /** Called once, instead of logging it, when all elements have started. */
  readonly onStarted?: (daemon: RunningDaemon) => void;
}

/** A daemon whose graph runs. */
export interface RunningDaemon {
  /** Where metrics and health are told. */
  readonly address: ListenAddress | undefined;
  /** Ends the run as a signal does. */
  halt(): void;
}

/**
 * Runs a graph until a signal or the end of its finite sources.
 * @returns the exit status: 1 if an element failed or reported an error
 */
export async function runDaemon(options: DaemonOptions): Promise<number> {
  const json = options.events === 'json';
  const say = (message: string) => {
    for (const line of message.split('\n')) {
      options.log(json ? JSON.stringify({ time: new Date(), kind: 'status', message: oneLine(line) }) : oneLine(line));
    }
  };
  const planes: DataPlane[] = [];
  const metrics = metricsRegistry(planes, options);
  const server = new HttpServer({
    '/metrics': async () => ({ type: metrics.registry.contentType, body: await metrics.text() }),
    '/clones': () => tellFarms(planes, 'clones'),
    '/universes': () => tellFarms(planes, 'universes'),
    '/healthz': () => health(planes, Date.now() / 1000, process.uptime()),
  });
  const address = options.listen && (await server.listen(options.listen));

  const onEvents = (events: readonly EngineEvent[]) => {
    for (const event of events) {
      options.onEvent?.(event);
      if (json) options.log(eventJson(event, new Date()));
      else if (options.events === 'text' || event.kind === 'error' || event.kind === 'warning')
        options.log(narrate(event));
    }
  };
  const { source, defines, netns, filter, seed, state = DEFAULT_STATE } = options;
  const plane = new DataPlane(
    {
      source,
      defines,
      state,
      worker: 0,
      ...(netns !== undefined && { netns }),
      ...(filter && { filter }),
      ...(seed !== undefined && { seed }),
    },
    onEvents,
  );
  planes.push(plane);

  let signalled = false;
  const onSignal = (signal: NodeJS.Signals) => {
    if (signalled) process.exit(signal === 'SIGINT' ? 130 : 143);
    signalled = true;
    say(`${signal}: ending; once more to end at once`);
    plane.halt();
  };
  process.on('SIGINT', onSignal).on('SIGTERM', onSignal);
  try {
    if (await plane.started) {
      if (options.onStarted) options.onStarted({ address, halt: () => plane.halt() });
      else say(`${source.file} runs${address ? `; metrics at http://${formatListen(address)}/metrics` : ''}`);
    }
    const { errors, failure } = await plane.ended;
    if (failure !== undefined) say(failure);
    return failure !== undefined || errors > 0 ? 1 : 0;
  } finally {
    process.off('SIGINT', onSignal).off('SIGTERM', onSignal);
    await server.close();
  }
}
