import type { Formal } from './syntax.js';
import { joinArguments, splitWord } from './words.js';

/**
 * Gives a compound's parameters their values: positional ones in order, then `KEYWORD value` in any order, each of them
 * required; what is left over goes to `__REST__`, if there is one. Undefined if the arguments do not fit.
 */
export function assignArguments(formals: readonly Formal[], args: readonly string[]): Map<string, string> | undefined {
  const values = new Map<string, string>();
  const positional = formals.filter(({ keyword }) => keyword === '');
  const rest = formals.find(({ keyword }) => keyword === '__REST__');
  if (args.length < positional.length) return undefined;
  positional.forEach((formal, i) => {
    values.set(formal.name, args[i]!);
  });
  const byKeyword = new Map(formals.filter((formal) => formal !== rest).map((formal) => [formal.keyword, formal.name]));
  const left: string[] = [];
  for (const arg of args.slice(positional.length)) {
    const { word, rest: value } = splitWord(arg);
    const name = word === '' ? undefined : byKeyword.get(word);
    if (name !== undefined) values.set(name, value);
    else left.push(arg);
  }
  if (rest) values.set(rest.name, joinArguments(left));
  else if (left.length > 0) return undefined;
  return values.size === formals.length ? values : undefined;
}
