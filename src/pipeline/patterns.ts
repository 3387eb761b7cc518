import { type Pattern, PatternError, parsePattern } from '../packet/pattern/pattern.js';
import { unquote } from './click/quote.js';
import { custom, type Key, ValueError } from './values.js';

/** Reads a pattern that begins `offset` characters into an argument. */
function read(text: string, offset = 0): Pattern {
  try {
    return parsePattern(unquote(text));
  } catch (error) {
    if (error instanceof PatternError) throw new ValueError(error.message, offset + error.offset);
    throw error;
  }
}

/** A pattern of the language that IPClassifier describes. */
export function pattern(doc: string): Key<Pattern> {
  return custom(
    'pattern',
    undefined,
    doc,
    (text) => read(text),
    ({ text }) => text,
  );
}

/** What to do with packets that match a pattern: the number of an output, or -1 to drop them. */
export interface Rule {
  readonly output: number;
  readonly pattern: Pattern;
}

/** An action and a pattern: `allow tcp`, `drop all`, `2 port 80`. */
export function rule(doc: string): Key<Rule> {
  return custom(
    'action and pattern',
    undefined,
    doc,
    (text) => {
      const [head, action] = /^\s*(\S+)\s*/.exec(text) ?? ['', ''];
      const output =
        action === 'allow' ? 0 : action === 'drop' || action === 'deny' ? -1 : Number(action || Number.NaN);
      if (!(Number.isInteger(output) && output >= -1 && !/^-\d/.test(action!))) {
        throw new ValueError(`expected allow, drop or the number of an output before the pattern, not '${action}'`, 0);
      }
      return { output, pattern: read(text.slice(head.length), head.length) };
    },
    ({ output, pattern }) => `${output < 0 ? 'drop' : output} ${pattern.text}`,
  );
}
