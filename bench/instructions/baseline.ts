/** Instructions a packet, by part. */
export type Counts = Readonly<Record<string, number>>;

/** What bench/instructions.json holds. */
export interface Baseline {
  /** The first line of `c++ --version`: another compiler makes other instructions of the same code. */
  readonly compiler: string;
  readonly parts: Counts;
}

/** How many more instructions than the baseline's a part may take. */
export const MOST = 0.1;

/** A part beside the baseline. */
export interface Line {
  readonly part: string;
  readonly before: number | undefined;
  readonly now: number | undefined;
  /** What is wrong, if anything. */
  readonly wrong?: string;
}

/** Holds counts against the baseline. A part that is missing on either side is wrong too, so that none is forgotten. */
export function judge(baseline: Baseline, counts: Counts): Line[] {
  const parts = [...new Set([...Object.keys(baseline.parts), ...Object.keys(counts)])];
  return parts.map((part) => {
    const [before, now] = [baseline.parts[part], counts[part]];
    const wrong = complaint(before, now);
    return { part, before, now, ...(wrong !== undefined && { wrong }) };
  });
}

function complaint(before: number | undefined, now: number | undefined): string | undefined {
  if (before === undefined) return 'the baseline does not have it: --update';
  if (now === undefined) return 'it was not counted: --update, if it is gone';
  if (now <= before * (1 + MOST)) return undefined;
  return `${((now / before - 1) * 100).toFixed(1)} % more than the baseline, and ${MOST * 100} % may be`;
}

/** Lines for people. */
export function report(lines: readonly Line[]): string {
  const cell = (value: number | undefined) => (value === undefined ? '-' : value.toFixed(1)).padStart(10);
  const change = ({ before, now }: Line) =>
    before === undefined || now === undefined
      ? ''.padStart(9)
      : `${((now / before - 1) * 100).toFixed(1)} %`.padStart(9);
  const head = `${''.padEnd(20)}${'baseline'.padStart(10)}${'now'.padStart(10)}`;
  return [
    head,
    ...lines.map((line) =>
      [line.part.padEnd(20), cell(line.before), cell(line.now), change(line), line.wrong && `  WRONG: ${line.wrong}`]
        .filter(Boolean)
        .join(''),
    ),
  ].join('\n');
}
