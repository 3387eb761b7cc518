export interface Token {
  readonly text: string;
  readonly offset: number;
}

const TOKEN = /\s*(&&|\|\||[<>!=]=|[\w./@-]+|"(?:[^"\\]|\\.)*"|\S)/gy;

/** The words and signs of a pattern; a string in quotes is one. */
export function tokenize(text: string): Token[] {
  const tokens: Token[] = [];
  for (const match of text.matchAll(TOKEN)) {
    const word = match[1]!;
    tokens.push({ text: word, offset: match.index + match[0].length - word.length });
  }
  return tokens;
}

/** An unsigned number of 32 bits: decimal, 0x hexadecimal or 0 octal. Undefined if the word is none. */
export function parseNumber(word: string): number | undefined {
  const value = /^0[0-7]+$/.test(word)
    ? Number.parseInt(word, 8)
    : /^(0x[0-9a-f]+|\d+)$/i.test(word)
      ? Number(word)
      : Number.NaN;
  return value <= 0xffffffff ? value : undefined;
}
