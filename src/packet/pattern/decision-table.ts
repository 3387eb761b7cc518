import { AT, OP, READ, STRIDE } from './program.js';
import { valuesOf } from './ranges.js';
import type { Test } from './syntax.js';

/**
 * A program as a table. All values of a column with which its tests go alike are one class, and for each choice of classes,
 * one a column, a cell holds the result. So whatever a packet is, it takes the same few additions to find its cell.
 *
 * In words: how many columns there are; for each column its number in READ and what its values add to the number of
 * the cell; the cells. For a column of bytes that is a word for each value, for others the number of bounds, and for each
 * a pair: the bound, and what a value adds that is not below it, modulo 65,536.
 */
export type DecisionTable = Uint32Array;

/** Columns that tables know, by their greatest value. */
const MOST: Readonly<Record<number, number>> = {
  [READ.src]: 0xffffffff,
  [READ.dst]: 0xffffffff,
  [READ.sport]: 0xffff,
  [READ.dport]: 0xffff,
  [READ.proto]: 0xff,
  [READ.tcpFlags]: 0xff,
  [READ.fragment]: 0xff,
};

/** With more of them the program is quicker, which halves what is left with each step. */
const BOUNDS = 64;

/** What a table is worth: to make one takes time for each step, and for each cell. */
const STEPS = 256;
const CELLS = 4096;

interface Axis {
  /** The column. */
  readonly read: number;
  /** Where its segments begin: the values of one are all alike. A segment of a column of bytes is one value. */
  readonly starts: readonly number[];
  /** The class of each segment. */
  readonly classes: readonly number[];
  /** A value of each class. */
  readonly samples: readonly number[];
}

/** The table of a program; undefined if it tests what is no column, or would be large. */
export function decisionTable(program: Int32Array, first: number): DecisionTable | undefined {
  if (program.length > STEPS * STRIDE) return undefined;
  const steps = Array.from({ length: program.length / STRIDE }, (_, i) =>
    program.subarray(i * STRIDE, (i + 1) * STRIDE),
  );
  const axes: Axis[] = [];
  let cells = 1;
  let bounds = 0;
  for (const read of [...new Set(steps.map((step) => step[AT.read]!))].sort((a, b) => a - b)) {
    const made = axis(
      read,
      steps.filter((step) => step[AT.read] === read),
    );
    if (!made) return undefined;
    axes.push(made);
    cells *= made.samples.length;
    if (MOST[read]! > 0xff) bounds += made.starts.length - 1;
    if (cells > CELLS || bounds > BOUNDS) return undefined;
  }
  const words = [axes.length];
  let stride = 1;
  for (const { read, starts, classes, samples } of axes) {
    const places = classes.map((number) => number * stride);
    if (MOST[read]! > 0xff) {
      words.push(read, starts.length - 1);
      // Class 0 is that of the value 0, and adds nothing.
      for (let i = 1; i < starts.length; i++) words.push(starts[i]!, (places[i]! - places[i - 1]!) & 0xffff);
    } else words.push(read, ...places);
    stride *= samples.length;
  }
  const values: number[] = [];
  for (let cell = 0; cell < cells; cell++) {
    let rest = cell;
    for (const { read, samples } of axes) {
      values[read] = samples[rest % samples.length]!;
      rest = Math.floor(rest / samples.length);
    }
    words.push(run(steps, first, values));
  }
  return Uint32Array.from(words);
}

const holds = (step: Int32Array, value: number): boolean => {
  const masked = ((value >>> step[AT.shift]!) & step[AT.mask]!) >>> 0;
  const wanted = step[AT.value]! >>> 0;
  return step[AT.op] === OP.is ? masked === wanted : step[AT.op] === OP.has || masked > wanted;
};

/** Sorts the values of a column into classes; undefined if a test of it holds for values that are no ranges. */
function axis(read: number, steps: readonly Int32Array[]): Axis | undefined {
  const most = MOST[read];
  if (most === undefined) return undefined;
  const bounds = new Set([0]);
  if (most === 0xff) for (let value = 1; value <= most; value++) bounds.add(value);
  else {
    for (const step of steps) {
      const ranges = valuesOf(testOf(step), most, true);
      if (!ranges) return undefined;
      for (const [low, high] of ranges) {
        bounds.add(low);
        if (high < most) bounds.add(high + 1);
      }
    }
  }
  const numbers = new Map<string, number>();
  const starts: number[] = [];
  const classes: number[] = [];
  const samples: number[] = [];
  for (const start of [...bounds].sort((a, b) => a - b)) {
    const outcomes = steps.map((step) => (holds(step, start) ? '1' : '0')).join('');
    let number = numbers.get(outcomes);
    if (number === undefined) {
      number = samples.push(start) - 1;
      numbers.set(outcomes, number);
    }
    starts.push(start);
    classes.push(number);
  }
  return { read, starts, classes, samples };
}

function testOf(step: Int32Array): Pick<Test, 'shift' | 'mask' | 'op' | 'value'> {
  const op = step[AT.op] === OP.is ? 'is' : step[AT.op] === OP.above ? 'above' : 'has';
  return { shift: step[AT.shift]!, mask: step[AT.mask]! >>> 0, op, value: step[AT.value]! >>> 0 };
}

/** The result of a program for values of columns. */
function run(steps: readonly Int32Array[], first: number, values: readonly number[]): number {
  let at = first;
  while (at >= 0) {
    const step = steps[at / STRIDE]!;
    at = step[holds(step, values[step[AT.read]!]!) ? AT.yes : AT.no]!;
  }
  return -1 - at;
}
