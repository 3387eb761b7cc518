const ESCAPES: Readonly<Record<string, number>> = { n: 10, r: 13, t: 9, '0': 0, '"': 34, '\\': 92 };

/** The bytes of a string in quotes, which may hold \n \r \t \0 \" \\ and \xHH. Undefined if the word is none. */
export function quoted(word: string): Buffer | undefined {
  if (!/^"(?:[^"\\]|\\x[0-9a-fA-F]{2}|\\[nrt0"\\])*"$/.test(word)) return undefined;
  const bytes: number[] = [];
  for (const [, hex, letter, plain] of word.slice(1, -1).matchAll(/\\x(..)|\\(.)|([^\\]+)/gs)) {
    if (hex !== undefined) bytes.push(Number.parseInt(hex, 16));
    else if (letter !== undefined) bytes.push(ESCAPES[letter]!);
    else bytes.push(...Buffer.from(plain!, 'utf8'));
  }
  return Buffer.from(bytes);
}
