import type { Test } from './syntax.js';

/** One step of a decision: a test, and the steps after it. Negative targets end the decision. */
export interface Step {
  readonly test: Test;
  readonly yes: number;
  readonly no: number;
}

/** What is known of a masked field at some point of a decision: a range of values, and some that it has not. */
interface Known {
  readonly low: number;
  readonly high: number;
  readonly except: readonly number[];
}

type Facts = ReadonlyMap<string, Known>;

/** So many times over, a step may be looked at with other knowledge before the decision is left as it was. */
const GROWTH = 4;

/** Values that a field is known not to have, remembered at once. */
const EXCEPTIONS = 32;

/**
 * Leaves out tests whose outcome earlier ones have settled: of five patterns about TCP, only the first asks for the
 * protocol. A step that can be reached with different knowledge is copied, one for each.
 */
export function specialize(steps: readonly Step[], first: number): { steps: readonly Step[]; first: number } {
  const result: Step[] = [];
  const places = new Map<string, number>();
  const relevant = keysAfter(steps);
  const most = steps.length * GROWTH + 64;
  let visits = 0;

  const visit = (at: number, facts: Facts): number => {
    while (at >= 0) {
      const settled = outcome(steps[at]!.test, facts);
      if (settled === undefined) break;
      at = settled ? steps[at]!.yes : steps[at]!.no;
    }
    if (at < 0) return at;
    const { test, yes, no } = steps[at]!;
    const useful = [...facts].filter(([key]) => relevant[at]!.has(key)).sort(([a], [b]) => (a < b ? -1 : 1));
    const name = `${at} ${JSON.stringify(useful)}`;
    const known = places.get(name);
    if (known !== undefined) return known;
    if (++visits > most) throw new RangeError('the decision grows too much');
    const here = new Map(useful);
    // Steps are placed after those they lead to, as they were before.
    const after = [visit(yes, learn(here, test, true)), visit(no, learn(here, test, false))] as const;
    const place = after[0] === after[1] ? after[0] : result.push({ test, yes: after[0], no: after[1] }) - 1;
    places.set(name, place);
    return place;
  };

  try {
    return { first: visit(first, new Map()), steps: result };
  } catch (error) {
    // Thrown above, or by the stack for a list of many thousand steps.
    if (!(error instanceof RangeError)) throw error;
    return { steps, first };
  }
}

const keyOf = ({ field, shift, mask }: Test): string =>
  `${field.of} ${'width' in field ? `${field.offset} ${field.width}` : 'number' in field ? field.number : ''} ${shift} ${mask}`;

/** For each step, what is tested there or later. */
function keysAfter(steps: readonly Step[]): ReadonlySet<string>[] {
  const all: Set<string>[] = [];
  // A step leads to steps before it in the list only.
  for (const { test, yes, no } of steps) {
    all.push(new Set([keyOf(test), ...(yes >= 0 ? all[yes]! : []), ...(no >= 0 ? all[no]! : [])]));
  }
  return all;
}

function outcome(test: Test, facts: Facts): boolean | undefined {
  const known = facts.get(keyOf(test));
  if (!known || test.op === 'has') return undefined;
  const { low, high, except } = known;
  const { value } = test;
  if (test.op === 'above') return low > value ? true : high <= value ? false : undefined;
  if (value < low || value > high || except.includes(value)) return false;
  return low === high ? true : undefined;
}

/** Columns are always there; bytes may be missing, so a test of them that failed says nothing about their value. */
function learn(facts: Facts, test: Test, holds: boolean): Facts {
  const { op, value, field } = test;
  if (op === 'has' || ('width' in field && !holds)) return facts;
  const key = keyOf(test);
  const { low, high, except } = facts.get(key) ?? { low: 0, high: test.mask, except: [] };
  const next: Known =
    op === 'is'
      ? holds
        ? { low: value, high: value, except: [] }
        : { low, high, except: except.length < EXCEPTIONS ? [...except, value].sort((a, b) => a - b) : except }
      : holds
        ? { low: Math.max(low, value + 1), high, except }
        : { low, high: Math.min(high, value), except };
  return new Map([...facts, [key, next]]);
}
