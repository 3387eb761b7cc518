/** One measured quantity. */
export interface Figure {
  /** SUITE/CASE/WHAT. */
  readonly name: string;
  readonly unit: string;
  /** One value a run. */
  readonly values: readonly number[];
  /** The most that its median may be, or the least. */
  readonly goal?: number;
  readonly floor?: number;
}

/** A figure as `--json` writes it; `value` is the median. */
export interface FigureRecord {
  name: string;
  value: number;
  unit: string;
  runs: number;
  min: number;
  median: number;
  max: number;
}

export function summarize({ name, unit, values }: Figure): FigureRecord {
  const sorted = [...values].sort((a, b) => a - b);
  const median = (sorted[(sorted.length - 1) >> 1]! + sorted[sorted.length >> 1]!) / 2;
  return { name, value: median, unit, runs: sorted.length, min: sorted[0]!, median, max: sorted.at(-1)! };
}

/** Three significant digits, or all before the point. */
export function short(value: number): string {
  if (value === 0) return '0';
  const digits = Math.max(0, 2 - Math.floor(Math.log10(Math.abs(value))));
  return value.toFixed(Math.min(digits, 3));
}

const HEAD = ['', 'median', 'min', 'max', 'unit', 'goal', ''];

/** What it should be, and whether it is. */
function verdict({ goal, floor }: Figure, median: number): [string, string] {
  if (goal !== undefined) return [`≤ ${goal}`, median <= goal ? 'met' : 'MISSED'];
  if (floor !== undefined) return [`≥ ${floor}`, median >= floor ? 'met' : 'MISSED'];
  return ['', ''];
}

/** A table for people. */
export function table(figures: readonly Figure[]): string {
  const rows = figures.map((figure) => {
    const { name, median, min, max, unit } = summarize(figure);
    return [name, short(median), short(min), short(max), unit, ...verdict(figure, median)];
  });
  const widths = HEAD.map((head, i) => Math.max(head.length, ...rows.map((row) => row[i]!.length)));
  const line = (row: readonly string[]) =>
    row
      .map((cell, i) => (i >= 1 && i <= 3 ? cell.padStart(widths[i]!) : cell.padEnd(widths[i]!)))
      .join('  ')
      .trimEnd();
  return [HEAD, ...rows].map(line).join('\n');
}
