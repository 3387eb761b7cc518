import type { Diagnostic, Position } from './click/diagnostics.js';
import { type Argument, splitKeyword } from './click/words.js';
import type { ConfigOf, Spec } from './spec.js';
import { type Key, type ValueContext, ValueError } from './values.js';

/** How a key is written in a graph: `dryRun` is DRY_RUN. */
export const keyword = (name: string): string => name.replace(/[A-Z]/g, (c) => `_${c}`).toUpperCase();

/** The position `offset` characters into a text. */
function shift({ file, line, column }: Position, text: string, offset: number): Position {
  const lines = text.slice(0, offset).split('\n');
  const last = lines.at(-1)!.length;
  return { file, line: line + lines.length - 1, column: lines.length === 1 ? column + last : last + 1 };
}

/**
 * Reads an element's arguments by its spec.
 * @returns the values, and what is wrong: unknown or doubled keys, missing ones, values that do not fit.
 */
export function configure<S extends Spec>(
  spec: S,
  className: string,
  args: readonly Argument[],
  position: Position,
  context: ValueContext,
): { config: ConfigOf<S>; diagnostics: Diagnostic[] } {
  const diagnostics: Diagnostic[] = [];
  const keys = Object.entries(spec.config);
  const byKeyword = new Map(keys.map(([name, key]) => [keyword(name), [name, key] as const]));
  const places = keys.filter(([, key]) => key.positional);
  const restKey = keys.find(([, key]) => key.rest);
  const values: Record<string, unknown> = {};

  const complain = (at: Position, message: string) =>
    diagnostics.push({ position: at, severity: 'error', message: `${className}: ${message}` });

  const read = (name: string, key: Key<unknown>, text: string, at: Position) => {
    try {
      const value = key.parse(text, context);
      if (key.rest) values[name] = [...((values[name] as unknown[] | undefined) ?? []), ...(value as unknown[])];
      else values[name] = value;
    } catch (error) {
      if (!(error instanceof ValueError)) throw error;
      const label = key.rest ? '' : `${keyword(name)}: `;
      const came = error.offset === undefined ? `, not '${text}'` : '';
      complain(shift(at, text, error.offset ?? 0), `${label}${error.message}${came}`);
      values[name] ??= undefined;
    }
  };

  let place = 0;
  for (const argument of args) {
    const split = splitKeyword(argument);
    const known = split && byKeyword.get(split.keyword);
    if (known) {
      const [name, key] = known;
      if (name in values) complain(argument.position, `${split.keyword} is given twice`);
      else read(name, key, split.value, split.valuePosition);
    } else if (restKey) {
      read(...restKey, argument.text, argument.position);
    } else if (split && split.value !== '' && byKeyword.size > 0 && place >= places.length) {
      complain(argument.position, `unknown key ${split.keyword}; expected one of ${[...byKeyword.keys()].join(', ')}`);
    } else if (place < places.length) {
      const [name, key] = places[place++]!;
      if (name in values) complain(argument.position, `${keyword(name)} is given twice`);
      else read(name, key, argument.text, argument.position);
    } else {
      const expected = byKeyword.size > 0 ? `expected keys ${[...byKeyword.keys()].join(', ')}` : 'it takes none';
      complain(argument.position, `unexpected argument '${argument.text}'; ${expected}`);
    }
  }

  for (const [name, key] of keys) {
    if (name in values) continue;
    if ('fallback' in key) values[name] = key.relative ? key.parse(key.format(key.fallback), context) : key.fallback;
    else complain(position, `${keyword(name)} is missing; it takes a value of kind ${key.type}`);
  }
  return { config: values as ConfigOf<S>, diagnostics };
}
