/**
 * A data-plane thread: makes the graph's engine, runs it to its end and closes it. Everything else (HTTP, files of
 * the control plane, signals) is the main thread's.
 */
import { randomBytes } from 'node:crypto';
import { parentPort, workerData } from 'node:worker_threads';
import { elements } from '../elements/index.js';
import { native } from '../native/addon.js';
import type { CheckedGraph } from '../pipeline/check.js';
import { formatDiagnostic } from '../pipeline/click/diagnostics.js';
import { Engine } from '../pipeline/engine.js';
import { ElementError } from '../pipeline/errors.js';
import { KillSwitch } from '../pipeline/kill-switch.js';
import { EventQueue } from './event-queue.js';
import { Failure } from './failure.js';
import type { KernelFilter } from './filter/filter.js';
import { makeFilter } from './filter/make.js';
import { checkSource } from './graph-file.js';
import { measureLag } from './lag.js';
import type { FromWorker, HandlerCall, ToWorker, WorkerOrder } from './messages.js';
import { StopFile } from './stop-file.js';
import { Vigil } from './vigil.js';

/** What is thrown where a programmer was wrong, and not the world. */
const BUGS = [TypeError, RangeError, ReferenceError];

/** Seconds that packets in queues have to leave when the run is halted. */
const DRAIN = 1;

const order = workerData as WorkerOrder;
const port = parentPort!;
const tell = (message: FromWorker) => port.postMessage(message);

/** What went wrong, in one line: with the place in the graph of the element that failed, and in the code if it is a bug. */
function describe(error: unknown, { flat }: CheckedGraph): string {
  if (!(error instanceof Error)) return String(error);
  if (error instanceof Failure) return error.message;
  const cause = error instanceof ElementError && error.cause instanceof Error ? error.cause : error;
  const bug = cause !== error ? BUGS.some((kind) => cause instanceof kind) : true;
  const frame = bug ? cause.stack?.split('\n').find((line) => /^\s+at /.test(line)) : undefined;
  const message = frame ? `${error.message} (${frame.trim()})` : error.message;
  const name = error instanceof ElementError ? error.element : undefined;
  const position = flat.elements.find((element) => element.name === name)?.position;
  return position ? formatDiagnostic({ position, severity: 'error', message }) : message;
}

function check(): CheckedGraph {
  const { graph, diagnostics } = checkSource(order.source, order.defines);
  if (!graph) throw new Error(diagnostics.map(formatDiagnostic).join('\n'));
  return graph;
}

/** Watches the control plane, and stops export in its place when it stands still. */
function keepVigil(killSwitch: KillSwitch, warn: (message: string) => void): Vigil {
  const { stall, stopFile } = order;
  return new Vigil(order.vigil, 1, stall, () => {
    if (killSwitch.stopped) return;
    const call = { by: 'watchdog', reason: `the control plane has stood still for ${stall} s` };
    killSwitch.stop(call.by, call.reason);
    // It hears of it when it turns again, if it ever does. Until then nobody has the key.
    const key = randomBytes(24).toString('hex');
    try {
      if (stopFile !== undefined) new StopFile(stopFile).write({ ...call, since: new Date().toISOString(), key });
    } catch (error) {
      warn(`the stop of export is not written down: ${(error as Error).message}`);
    }
  });
}

async function work(graph: CheckedGraph): Promise<void> {
  const events = new EventQueue(
    (batch) => tell({ kind: 'events', events: batch }),
    () => lost.add(1),
  );
  const killSwitch = new KillSwitch(order.killSwitch);
  killSwitch.onStop = (call) => tell({ kind: 'stopped', ...call });
  const vigil = keepVigil(killSwitch, (message) => events.push({ kind: 'error', element: 'watchdog', message }));
  let filter: KernelFilter | undefined;
  const engine = new Engine(graph, elements, {
    killSwitch,
    mayOpen: (device, index) => filter?.covers(device, index) ?? true,
    onEvent: (event) => events.push(event),
    state: order.state,
    share: { worker: order.worker, workers: order.workers },
    ...(order.common && { common: order.common }),
    ...(order.seed !== undefined && { seed: order.seed }),
  });
  const lost = engine.stats.counter('lost_events', 'events that the control plane was too busy to hear', {});
  const stopMeasuring = measureLag(engine.stats);
  filter = makeFilter(graph, order, engine);
  const stats = engine.stats.share();
  let halted = false;
  let failure: string | undefined;
  const fail = (error: unknown) => {
    failure ??= describe(error, graph);
  };

  const answer = ({ id, handler, value }: { id: number } & HandlerCall) => {
    try {
      if (value === undefined) tell({ kind: 'answer', id, value: engine.handlers.read(handler) });
      else {
        engine.handlers.write(handler, value);
        tell({ kind: 'answer', id, value: '' });
      }
    } catch (error) {
      tell({ kind: 'refusal', id, message: error instanceof Error ? error.message : String(error) });
    }
  };

  port.on('message', (message: ToWorker) => {
    switch (message.kind) {
      case 'taken':
        events.taken();
        break;
      case 'halt':
        halted = true;
        vigil.rest();
        engine.halt();
        break;
      case 'call':
        answer(message);
        break;
    }
  });
  // An exception in an element's callback, outside of any turn: the run ends, and what is open is closed.
  process.on('uncaughtException', (error) => {
    fail(error);
    engine.halt();
  });

  try {
    await filter?.open();
    await engine.start();
    vigil.start();
    tell({ kind: 'started', stats, descriptions: engine.stats.descriptions });
    try {
      await engine.run();
      if (halted) await engine.drain(DRAIN);
    } catch (error) {
      fail(error);
    }
    vigil.rest();
    await engine.stop();
  } catch (error) {
    fail(error);
  }
  // Once everything is closed in order there is nothing left to filter; otherwise it stays in force.
  await filter?.close(failure === undefined);
  stopMeasuring();
  events.flush();
  tell({ kind: 'ended', errors: engine.errors, ...(failure !== undefined && { failure }) });
  port.close();
}

try {
  // Before any element opens a socket; this thread stays there.
  if (order.netns !== undefined) native.enterNamespace(order.netns);
  await work(check());
} catch (error) {
  tell({ kind: 'ended', errors: 0, failure: error instanceof Error ? error.message : String(error) });
  port.close();
}
