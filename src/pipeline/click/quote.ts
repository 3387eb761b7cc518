import { skipComment, uncomment } from './words.js';

const ESCAPES: Record<string, string> = { a: '\x07', b: '\b', f: '\f', n: '\n', r: '\r', t: '\t', v: '\v' };

/** Removes comments and one level of quoting, and expands the escapes. */
export function unquote(text: string): string {
  text = uncomment(text);
  if (!/["'\\]/.test(text)) return text;
  let result = '';
  let quote = '';
  for (let i = 0; i < text.length; ) {
    const c = text[i]!;
    if (c === '\\' && (quote === '"' || (quote === '' && text[i + 1] === '<')) && i + 1 < text.length) {
      const escaped = readEscape(text, i);
      result += escaped.text;
      i = escaped.end;
      continue;
    }
    if (quote === '' && (c === '"' || c === "'")) quote = c;
    else if (quote === c) quote = '';
    else result += c;
    i++;
  }
  return result;
}

/** The escape whose backslash is at `i`. */
function readEscape(text: string, i: number): { text: string; end: number } {
  const c = text[i + 1]!;
  if (c === '<') return readData(text, i + 2);
  if (c === '\n') return { text: '', end: i + 2 };
  if (c === '\r') return { text: '', end: text[i + 2] === '\n' ? i + 3 : i + 2 };
  const octal = /[0-7]{1,3}/y;
  octal.lastIndex = i + 1;
  const digits = octal.exec(text);
  if (digits) return { text: character(Number.parseInt(digits[0], 8)), end: i + 1 + digits[0].length };
  if (c === 'x') {
    const hex = /[0-9A-Fa-f]*/y;
    hex.lastIndex = i + 2;
    const found = hex.exec(text)![0];
    return { text: character(Number.parseInt(found.slice(-2) || '0', 16)), end: i + 2 + found.length };
  }
  return { text: ESCAPES[c] ?? c, end: i + 2 };
}

/** The hexadecimal digits up to a `>`; anything else between them is ignored, and so is an odd digit. */
function readData(text: string, i: number): { text: string; end: number } {
  let digits = '';
  let result = '';
  while (i < text.length && text[i] !== '>') {
    const afterComment = skipComment(text, i);
    if (afterComment > i) {
      i = afterComment;
      continue;
    }
    if (/[0-9A-Fa-f]/.test(text[i]!)) digits += text[i];
    if (digits.length === 2) {
      result += character(Number.parseInt(digits, 16));
      digits = '';
    }
    i++;
  }
  return { text: result, end: Math.min(i + 1, text.length) };
}

function character(code: number): string {
  return String.fromCharCode(code & 0xff);
}

/** A double-quoted string that {@link unquote} turns back into `text`. */
export function quote(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what has to be escaped
  const escaped = text.replace(/["\\$\x00-\x1f\x7f-\xff]/g, (c) => {
    if (c === '"' || c === '\\' || c === '$') return `\\${c}`;
    if (c === '\n') return '\\n';
    if (c === '\t') return '\\t';
    if (c === '\r') return '\\r';
    return `\\${c.charCodeAt(0).toString(8).padStart(3, '0')}`;
  });
  return `"${escaped}"`;
}
