/** An axis: what it says, and whether steps of it are factors. */
export interface Axis {
  /** With its unit. */
  readonly label: string;
  readonly log?: boolean;
  /** Begins at 0, unless it is logarithmic. */
  readonly zero?: boolean;
}

/** Where values of an axis lie, and those that are written beside it. */
export interface Scale {
  /** 0 at its lower end, 1 at its upper. */
  place(value: number): number;
  readonly ticks: readonly number[];
}

/** Steps that people can count in. */
const STEPS = [1, 2, 2.5, 5, 10];
const TICKS = 5;

function linear(low: number, high: number): Scale {
  const span = high - low || Math.abs(high) || 1;
  const power = 10 ** Math.floor(Math.log10(span / TICKS));
  const step = STEPS.map((factor) => factor * power).find((size) => span / size <= TICKS)!;
  const from = Math.floor(low / step);
  const to = Math.max(from + 1, Math.ceil(high / step - 1e-9));
  const ticks = Array.from({ length: to - from + 1 }, (_, i) => (from + i) * step);
  const [first, last] = [ticks[0]!, ticks.at(-1)!];
  return { place: (value) => (value - first) / (last - first), ticks };
}

function logarithmic(low: number, high: number): Scale {
  const [from, to] = [Math.floor(Math.log10(low) + 1e-9), Math.ceil(Math.log10(high) - 1e-9)];
  const top = Math.max(to, from + 1);
  const ticks = Array.from({ length: top - from + 1 }, (_, i) => 10 ** (from + i));
  return { place: (value) => (Math.log10(value) - from) / (top - from), ticks };
}

/** The scale that holds all values. @throws RangeError if a logarithmic one is to hold something that is not above 0 */
export function scaleOf({ log = false, zero = false }: Axis, values: readonly number[]): Scale {
  const [low, high] = [Math.min(...values), Math.max(...values)];
  if (!Number.isFinite(low) || !Number.isFinite(high)) throw new RangeError('an axis needs numbers');
  if (!log) return linear(zero ? Math.min(0, low) : low, high);
  if (low <= 0) throw new RangeError(`a logarithmic axis cannot hold ${low}`);
  return logarithmic(low, high);
}

/** 10k, 1M: a number beside an axis. */
export function tickText(value: number): string {
  const size = Math.abs(value);
  const [unit, letter] = size >= 1e9 ? [1e9, 'G'] : size >= 1e6 ? [1e6, 'M'] : size >= 1e4 ? [1e3, 'k'] : [1, ''];
  return `${Number((value / unit).toPrecision(4))}${letter}`;
}
