import { Line, Mistake } from './words.js';

/** How each key reads the rest of its line. */
export type Keys<D> = Readonly<Record<string, (draft: D, line: Line) => void>>;

/**
 * Reads a text of statements, one a line: a key, and what belongs to it. `#` begins a comment.
 * @param repeated keys that may come more than once
 * @returns everything that is wrong, as `file:line:column: message`
 */
export function readStatements<D>(
  text: string,
  file: string,
  keys: Keys<D>,
  repeated: readonly string[],
  draft: D,
): string[] {
  const errors: string[] = [];
  const seen = new Set<string>();
  text.split(/\r?\n/).forEach((content, index) => {
    try {
      const line = new Line(content);
      if (!line.done) readStatement(line, keys, repeated, seen, draft);
    } catch (error) {
      if (!(error instanceof Mistake)) throw error;
      errors.push(`${file}:${index + 1}:${error.column}: ${error.message}`);
    }
  });
  return errors;
}

function readStatement<D>(line: Line, keys: Keys<D>, repeated: readonly string[], seen: Set<string>, draft: D): void {
  const { column } = line;
  const names = Object.keys(keys);
  const key = line.word(`a key: ${names.join(', ')}`);
  if (!Object.hasOwn(keys, key)) throw new Mistake(column, `unknown key '${key}'; valid are ${names.join(', ')}`);
  if (seen.has(key) && !repeated.includes(key)) throw new Mistake(column, `'${key}' is given twice`);
  seen.add(key);
  keys[key]!(draft, line);
  if (!line.done) throw new Mistake(line.column, `'${key}' takes no more than this`);
}
