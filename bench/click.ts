import { execFile } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** The same chains in Click's own elements, by graph of bench/graphs. */
const GRAPHS = fileURLToPath(new URL('../../bench/graphs/click/', import.meta.url));
export const CLICK_GRAPHS = ['count', 'classify', 'flows', 'nat', 'dump'] as const;

/** What a run of Click said: ns of processor time a packet, and packets that reach its counter. */
export interface ClickRun {
  readonly processor: number;
  readonly counted: number;
}

/** The program `click` of the PATH, if there is one. */
export function findClick(path = process.env['PATH'] ?? ''): string | undefined {
  for (const folder of path.split(delimiter)) {
    const file = join(folder || '.', 'click');
    try {
      accessSync(file, constants.X_OK);
      return file;
    } catch {
      // Not there; the next folder may have it.
    }
  }
  return undefined;
}

/**
 * Plays a capture with Click. Its `-t` gives the processor time of its driver alone, without reading the configuration;
 * other than ours the first packets are in it.
 * @throws Error if it fails, or did not do all of its work
 */
export async function runClick(
  click: string,
  graph: string,
  { IN, OUT, packets }: { IN: string; OUT: string; packets: number },
): Promise<ClickRun> {
  const file = `${GRAPHS}${graph}.click`;
  const { stdout } = await run(click, ['-t', '-h', 'counter.count', '-f', file, `IN=${IN}`, `OUT=${OUT}`]);
  const found = readRun(stdout, packets);
  if (found.counted !== packets) throw new Error(`${file}: Click counted ${found.counted} packets, not ${packets}`);
  return found;
}

/** Reads what Click prints: the line of `-t`, such as `0.095u 0.012s 0:00.11`, and the handler's value. */
export function readRun(text: string, packets: number): ClickRun {
  const time = /^(\d+\.\d+)u (\d+\.\d+)s \d+:\d+\.\d+$/m.exec(text);
  const counted = /^(\d+)$/m.exec(text);
  if (!time || !counted) {
    throw new Error(`expected Click to print its time (USERu SYSTEMs REAL) and a count, not ${JSON.stringify(text)}`);
  }
  return { processor: ((Number(time[1]) + Number(time[2])) * 1e9) / packets, counted: Number(counted[1]) };
}
