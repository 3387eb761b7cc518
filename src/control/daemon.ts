import './stop-signal.js';
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { elements } from '../elements/index.js';
import { DEFAULT_STATE, STOP_FILE } from '../farm/state.js';
import type { Source } from '../pipeline/check.js';
import { hasExit } from '../pipeline/containment.js';
import type { EngineEvent } from '../pipeline/events.js';
import type { DataPlane } from './dataplane.js';
import { DataPlanes } from './dataplanes.js';
import { describeExport, ExportControl } from './export-control.js';
import { exportOrders } from './export-routes.js';
import { tellFarms, tellTree } from './farms.js';
import { checkSource } from './graph-file.js';
import { health } from './health.js';
import { formatListen, HttpServer, type ListenAddress } from './http.js';
import { metricsRegistry } from './metrics.js';
import { eventJson, narrate, oneLine } from './narrate.js';
import { commonOf, requireSpread } from './spread.js';
import { StopFile } from './stop-file.js';
import { onStopSignal } from './stop-signal.js';

export interface DaemonOptions {
  /** A graph in which nothing is wrong. */
  readonly source: Source;
  readonly defines: Readonly<Record<string, string>>;
  /** Threads that handle packets. Default: 1. */
  readonly workers?: number;
  readonly netns?: string;
  /** Whether the kernel filters what leaves. Default: where clones' packets leave and root runs this. */
  readonly filter?: 'on' | 'off';
  /** The folder of what outlives a run. Default: DEFAULT_STATE. */
  readonly state?: string;
  /** The folder of the file that says that export is stopped. Default: that of state. */
  readonly stops?: string;
  /** Seconds after which a thread that stands still stops export. Default: DEFAULT_STALL. */
  readonly stall?: number;
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

/** Events that are told whatever is to be told. */
const ALWAYS: ReadonlySet<EngineEvent['kind']> = new Set(['error', 'warning', 'export']);

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
  const onEvents = (events: readonly EngineEvent[]) => {
    for (const event of events) {
      options.onEvent?.(event);
      if (json) options.log(eventJson(event, new Date()));
      else if (options.events === 'text' || ALWAYS.has(event.kind)) options.log(narrate(event));
    }
  };
  const { source, defines, workers = 1, netns, filter, stall, state = DEFAULT_STATE, stops = state } = options;
  // Where nothing can leave, as in a replay, nothing is remembered of a stop: it would hold for other graphs.
  const { graph } = checkSource(source, defines);
  if (graph && workers > 1) requireSpread(graph, workers);
  // Workers must agree on what looks random.
  const seed = options.seed ?? (workers > 1 ? randomBytes(8).readBigUInt64LE() : undefined);
  const file = graph && hasExit(graph.flat, elements) ? new StopFile(join(stops, STOP_FILE)) : undefined;
  const exports = new ExportControl(file, (event) => onEvents([event]));
  if (exports.killSwitch.stopped) {
    say(describeExport(exports.state).replace('export is stopped', 'EXPORT IS STOPPED'));
    say('Nothing leaves until a person lifts that: potemkin allow-export REASON');
  }
  onStopSignal(() => exports.stop('SIGUSR1', 'a signal'));

  const planes: DataPlane[] = [];
  const stopped = () => exports.killSwitch.stopped;
  const metrics = metricsRegistry(planes, { ...options, stopped });
  const server = new HttpServer(
    {
      '/metrics': async () => ({ type: metrics.registry.contentType, body: await metrics.text() }),
      '/clones': () => tellFarms(planes, 'clones'),
      '/universes': () => tellFarms(planes, 'universes'),
      '/universes/ended': () => tellFarms(planes, 'universes', 'ended'),
      '/universes/': (id) => tellTree(planes, id),
      '/export': () => ({ type: 'application/json', body: `${JSON.stringify(exports.state)}\n` }),
      '/healthz': () => health(planes, Date.now() / 1000, process.uptime(), exports.state),
    },
    exportOrders(exports),
  );
  const address = options.listen && (await server.listen(options.listen));

  const run = new DataPlanes(
    workers,
    {
      ...{ source, defines, state },
      ...(graph && seed !== undefined && workers > 1 && { common: commonOf(graph, seed) }),
      ...(netns !== undefined && { netns }),
      ...(filter && { filter }),
      ...(seed !== undefined && { seed }),
      ...(stall !== undefined && { stall }),
      ...(file && { stopFile: file.path }),
    },
    onEvents,
    exports.killSwitch,
  );
  planes.push(...run.all);

  let signalled = false;
  const onSignal = (signal: NodeJS.Signals) => {
    if (signalled) process.exit(signal === 'SIGINT' ? 130 : 143);
    signalled = true;
    say(`${signal}: ending; once more to end at once`);
    run.halt();
  };
  process.on('SIGINT', onSignal).on('SIGTERM', onSignal);
  try {
    if (await run.started) {
      if (options.onStarted) options.onStarted({ address, halt: () => run.halt() });
      else say(`${source.file} runs${address ? `; metrics at http://${formatListen(address)}/metrics` : ''}`);
    }
    const { errors, failure } = await run.ended;
    if (failure !== undefined) say(failure);
    return failure !== undefined || errors > 0 ? 1 : 0;
  } finally {
    process.off('SIGINT', onSignal).off('SIGTERM', onSignal);
    await server.close();
  }
}
