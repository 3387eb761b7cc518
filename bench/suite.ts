import { BATCH } from '../src/packet/columns.js';
import type { Figure } from './figure.js';
import type { Panel } from './plot/svg.js';

/** What a suite is told, and where it puts what it finds. */
export interface Bench {
  /** Runs of each case. */
  readonly rounds: number;
  /** The user wants it to be over soon. */
  readonly quick: boolean;
  /** The folder in which images are. */
  readonly state: string;
  /** A program to measure beside ours: Click. */
  readonly click?: string;
  /** Whether the user wants a case, by its name SUITE/CASE. */
  wants(name: string): boolean;
  report(figure: Figure): void;
  /** Puts lines beneath the figures. */
  note(text: string): void;
  /** Keeps plots, if they are wanted, as an SVG of this name. */
  plot(name: string, panels: readonly Panel[]): void;
  /** Tells the person who waits. */
  progress(text: string): void;
  /** Tells what was found, before all is. */
  tell(text: string): void;
}

/** Figures that are measured together. */
export interface Suite {
  readonly name: string;
  readonly summary: string;
  /** Takes so long that it is run only if it is named. */
  readonly long?: boolean;
  /** Why it cannot run here, if it cannot. */
  missing?(bench: Bench): string | undefined;
  run(bench: Bench): Promise<void>;
}

/** Values of some figures, from one run of a case. */
export type Values = ReadonlyMap<string, number>;

/** Something that can be run again and again. */
export interface Case {
  readonly name: string;
  run(): Values | Promise<Values>;
}

/**
 * Runs all cases in turn, and that as often as the rounds say, so that what disturbs the machine for a while hits all
 * alike. A first run of each warms up and does not count.
 * @returns the values of each case by figure
 */
export async function interleave(
  bench: Bench,
  cases: readonly Case[],
  rounds = bench.rounds,
): Promise<Map<string, number[]>[]> {
  const values = cases.map(() => new Map<string, number[]>());
  for (let round = 0; round <= rounds; round++) {
    for (const [i, { name, run }] of cases.entries()) {
      bench.progress(round === 0 ? `${name}: warming up` : `${name}: run ${round} of ${rounds}`);
      const found = await run();
      if (round === 0) continue;
      for (const [figure, value] of found) values[i]!.set(figure, [...(values[i]!.get(figure) ?? []), value]);
    }
  }
  return values;
}

/** The median of some numbers. */
export function median(values: ArrayLike<number>): number {
  return Float64Array.from(values).sort()[values.length >> 1]!;
}

/**
 * The median of the times that `work` takes, in ns; `prepare` is not timed. A median, because on a busy machine some of the
 * times are those of other processes.
 */
export function medianTime(times: number, work: () => void, prepare = () => {}): number {
  const spent = new Float64Array(times);
  for (let i = 0; i < times; i++) {
    prepare();
    const start = performance.now();
    work();
    spent[i] = (performance.now() - start) * 1e6;
  }
  return median(spent);
}

/** The same for work on a whole batch, in ns a packet. */
export const batchTime = (batches: number, work: () => void, prepare?: () => void): number =>
  medianTime(batches, work, prepare) / BATCH;
