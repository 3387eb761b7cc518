import type { Position } from './diagnostics.js';
import { unquote } from './quote.js';
import type { Statement } from './syntax.js';
import type { Tokens } from './tokens.js';
import { splitText, splitWord, splitWords } from './words.js';

/** `require(…)`: a library is for the parser to read. */
export type Requirement = (Statement & { kind: 'require' }) | { kind: 'library'; name: string; position: Position };

export function parseRequire(tokens: Tokens): Requirement[] {
  tokens.next();
  const config = tokens.peek().kind === '(' ? tokens.config() : undefined;
  if (!config) {
    tokens.expect('(');
    tokens.skipStatement();
    return [];
  }
  return splitText(config).flatMap(({ text, position }): Requirement[] => {
    const words = splitWords(text);
    if (words.length === 0) return [];
    const [type, value] = words.map(unquote) as [string, string?];
    if (type === 'compact_config' && value === undefined) return [{ kind: 'require', type, value: '' }];
    if (words.length === 2 && type === 'package') return [{ kind: 'require', type, value: value! }];
    if (words.length === 2 && type === 'library') return [{ kind: 'library', name: value!, position }];
    // A word alone is a package's name.
    if (words.length === 1 && type !== '' && type !== 'package' && type !== 'library')
      return [{ kind: 'require', type: 'package', value: type }];
    tokens.diagnostics.error(position, 'syntax error at requirement');
    return [];
  });
}

/** `define($a 1, $b 2)` */
export function parseDefine(tokens: Tokens): (Statement & { kind: 'define' })[] {
  tokens.next();
  const config = tokens.peek().kind === '(' ? tokens.config() : undefined;
  if (!config) {
    tokens.expect('(');
    tokens.skipStatement();
    return [];
  }
  return splitText(config).flatMap(({ text, position }) => {
    if (text === '') return [];
    const { word, rest } = splitWord(text);
    if (/^\$[A-Za-z0-9_]+$/.test(word))
      return [{ kind: 'define' as const, name: word.slice(1), value: rest, position }];
    tokens.diagnostics.error(position, "bad 'define' declaration: not a variable");
    return [];
  });
}
