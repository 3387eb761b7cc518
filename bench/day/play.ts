import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { CloneFarm } from '../../src/elements/CloneFarm.js';
import { elements } from '../../src/elements/index.js';
import { checkGraph } from '../../src/pipeline/check.js';
import { formatDiagnostic } from '../../src/pipeline/click/diagnostics.js';
import { Clock } from '../../src/pipeline/clock.js';
import { Engine } from '../../src/pipeline/engine.js';
import { threadTime } from '../processor.js';

const execute = promisify(execFile);

const [GRAPH, SOURCE] = ['day.click', 'telescope.c'].map((name) =>
  fileURLToPath(new URL(`../../../bench/day/${name}`, import.meta.url)),
) as [string, string];

/** What is looked at so many times in a day. */
const LOOKS = 96;

export interface Day {
  readonly packets: number;
  readonly seconds: number;
}

/** How things stand at a time of the day. Memory is in bytes, and JavaScript's after a collection of garbage. */
export interface Look {
  /** Seconds since the day began, and packets. */
  readonly time: number;
  readonly packets: number;
  /** ns of processor time of this thread. */
  readonly processor: number;
  readonly rss: number;
  readonly heap: number;
  readonly buffers: number;
  /** What clones have changed of their images. */
  readonly delta: number;
  readonly clones: number;
  readonly universes: number;
  readonly made: number;
}

/**
 * Plays a day of traffic for a /16 through the graph of the gateway with simulated clones, at the time of the packets. A program
 * makes the packets meanwhile and hands them over by a named pipe, so they are never stored.
 * @param each is told every look at once
 * @throws Error if not every packet went through, or an element failed
 */
export async function playDay({ packets, seconds }: Day, each: (look: Look) => void = () => {}): Promise<Look[]> {
  const folder = mkdtempSync(join(tmpdir(), 'potemkin-bench-'));
  const [program, pipe] = [join(folder, 'telescope'), join(folder, 'pipe')];
  try {
    await execute('cc', ['-O2', SOURCE, '-o', program, '-lm']);
    await execute('mkfifo', [pipe]);
    const engine = makeEngine({ IN: pipe, OUT: '/dev/null' });
    const looks: Look[] = [];
    const telescope = spawn(program, [packets, seconds, pipe].map(String), { stdio: ['ignore', 'ignore', 'inherit'] });
    const ended = once(telescope, 'exit');
    try {
      await run(engine, seconds, (look) => {
        looks.push(look);
        each(look);
      });
    } finally {
      telescope.kill();
      await ended;
    }
    const played = looks.at(-1)?.packets;
    if (played !== packets) throw new Error(`${played} packets were played, not ${packets}`);
    return looks;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** The engine of bench/day/day.click, and errors of its elements, which come to `problems`. */
export function makeEngine(defines: Record<string, string>): { engine: Engine; clock: Clock; problems: string[] } {
  const source = { file: GRAPH, text: readFileSync(GRAPH, 'utf8') };
  const { graph, diagnostics } = checkGraph(source, elements, { defines });
  if (!graph) throw new Error(diagnostics.map(formatDiagnostic).join('\n'));
  const problems: string[] = [];
  const clock = new Clock({ virtual: true });
  const engine = new Engine(graph, elements, {
    seed: 1n,
    clock,
    onEvent: (event) => event.kind === 'error' && problems.push(event.message),
  });
  engine.stats.share();
  return { engine, clock, problems };
}

async function run(
  { engine, clock, problems }: ReturnType<typeof makeEngine>,
  seconds: number,
  each: (look: Look) => void,
): Promise<void> {
  const source = engine.links.find(({ from }) => from.element.className === 'FromDump')!;
  const farm = engine.elements.find(({ className }) => className === 'CloneFarm') as unknown as CloneFarm;
  const began = threadTime();
  let start = 0;
  const look = () => {
    globalThis.gc?.();
    const { rss, heapUsed, arrayBuffers } = process.memoryUsage();
    const { clones, universes, pool_bytes, clones_made } = farm.metrics;
    each({
      time: clock.now - start,
      packets: source.packets.value,
      processor: threadTime() - began,
      rss,
      heap: heapUsed,
      buffers: arrayBuffers,
      delta: pool_bytes.delta.value,
      clones: Object.values(clones).reduce((sum, { value }) => sum + value, 0),
      universes: universes.value,
      made: clones_made.value,
    });
  };
  await engine.start();
  try {
    // A clock without a time gets one from the first packet, and takes its timers along.
    clock.after(0, () => {
      start = clock.now;
    });
    clock.every(seconds / LOOKS, look);
    await engine.run();
    look();
  } finally {
    await engine.stop();
  }
  if (problems.length > 0) throw new Error(problems.join('; '));
}
