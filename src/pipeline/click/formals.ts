import type { Diagnostics } from './diagnostics.js';
import type { Formal } from './syntax.js';
import type { Tokens } from './tokens.js';

/** `$a, KEY $b, __REST__ $r |`, or nothing, or only the `|`. */
export function parseFormals(tokens: Tokens): Formal[] {
  const formals: Formal[] = [];
  for (;;) {
    const token = tokens.peek();
    const keyword = token.kind === 'identifier' && tokens.peek(1).kind === 'variable' ? tokens.next().text : '';
    if (keyword === '' && token.kind !== 'variable') {
      if (token.kind === '|') tokens.next();
      else if (formals.length > 0) tokens.diagnostics.error(token.position, 'expected variable');
      return formals;
    }
    formals.push({ name: tokens.next().text, keyword, position: token.position });
    if (tokens.accept('|')) return formals;
    if (!tokens.accept(',')) {
      tokens.diagnostics.error(tokens.position(), "expected ',' or '|'");
      return formals;
    }
  }
}

function rank({ keyword }: Formal): number {
  if (keyword === '') return 0;
  return keyword === '__REST__' ? 2 : 1;
}

/** Those that can be used: positional ones come first, then keywords, then the rest. */
export function checkFormals(formals: Formal[], diagnostics: Diagnostics): Formal[] {
  const names = new Set<string>();
  const keywords = new Set<string>();
  const kept = formals.filter(({ name, keyword, position }) => {
    if (names.has(name)) diagnostics.error(position, `parameter '$${name}' multiply defined`);
    else if (keyword !== '' && keywords.has(keyword))
      diagnostics.error(position, `repeated keyword parameter '${keyword}' in compound element`);
    else {
      names.add(name);
      keywords.add(keyword);
      return true;
    }
    return false;
  });
  const misplaced = kept.find((formal, i) => i > 0 && rank(formal) < rank(kept[i - 1]!));
  if (misplaced)
    diagnostics.error(
      misplaced.position,
      "compound element parameters out of order (the correct order is '[positional], [keywords], [__REST__]')",
    );
  return kept.sort((a, b) => rank(a) - rank(b));
}
