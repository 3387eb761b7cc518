import { LONGEST, MOST_PAIRS, type Pair, Substitution } from '../../packet/rewrite/substitution.js';
import { quoted } from './quoted.js';
import { StatementError, type Word } from './text.js';

/**
 * Reads `"cmd.exe" to "xxx.exe", "a" to "b" then`, which stands after `rewrite`.
 * @returns them, and the number of the word after `then`
 * @throws {StatementError}
 */
export function readSubstitutions(
  words: readonly Word[],
  from: number,
  end: number,
): { readonly rewrite: Substitution; readonly next: number } {
  const pairs: Pair[] = [];
  const written: string[] = [];
  const word = (at: number): Word => words[at] ?? { text: '', offset: end };
  let at = from;
  for (;;) {
    const before = readString(word(at));
    if (before.length === 0) throw new StatementError(word(at).offset, 'expected at least one byte to replace');
    if (word(at + 1).text !== 'to')
      throw new StatementError(
        word(at + 1).offset,
        `expected 'to' and what to put in its place, not '${word(at + 1).text}'`,
      );
    const after = readString(word(at + 2));
    const hides = pairs.findIndex(({ from }) => before.subarray(0, from.length).equals(from));
    if (hides >= 0)
      throw new StatementError(word(at).offset, `never replaced, since ${words[from + 4 * hides]!.text} comes first`);
    if (pairs.length === MOST_PAIRS)
      throw new StatementError(word(at).offset, `expected at most ${MOST_PAIRS} strings to replace`);
    pairs.push({ from: before, to: after });
    written.push(`${word(at).text} to ${word(at + 2).text}`);
    at += 3;
    if (word(at).text !== ',') break;
    at++;
  }
  if (word(at).text !== 'then')
    throw new StatementError(
      word(at).offset,
      `expected ',' or 'then VERDICT' after what is replaced, not '${word(at).text}'`,
    );
  return { rewrite: new Substitution(pairs, written.join(', ')), next: at + 1 };
}

function readString({ text, offset }: Word): Buffer {
  const bytes = quoted(text);
  if (!bytes) throw new StatementError(offset, `expected a string in quotes, not '${text}'`);
  if (bytes.length > LONGEST)
    throw new StatementError(offset, `expected at most ${LONGEST} bytes, not ${bytes.length}`);
  return bytes;
}
