/** Something wrong in a policy; each line of the message begins with file:line:column. */
export class PolicyError extends Error {
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    super(problems.join('\n'));
    this.problems = problems;
  }
}

/** What is wrong with a statement, and where in its text. */
export class StatementError extends Error {
  readonly offset: number;

  constructor(offset: number, message: string) {
    super(message);
    this.offset = offset;
  }
}

/** One statement: a line of a file without its comment, and the lines that it goes on in. */
export class Statement {
  readonly text: string;
  readonly file: string;
  /** Where each of its lines begins in `text`, and which one of the file that is. */
  private readonly lines: readonly { readonly at: number; readonly line: number }[];

  constructor(file: string, lines: readonly { readonly text: string; readonly line: number }[]) {
    this.file = file;
    this.text = lines.map(({ text }) => text).join('\n');
    let at = 0;
    this.lines = lines.map(({ text, line }) => {
      at += text.length + 1;
      return { at: at - text.length - 1, line };
    });
  }

  /** file:line of its first word. */
  get place(): string {
    return `${this.file}:${this.lines[0]!.line}`;
  }

  /** `file:line:column: message` about an offset in the text. */
  complain(offset: number, message: string): string {
    const { at, line } = this.lines.findLast((each) => each.at <= offset) ?? this.lines[0]!;
    return `${this.file}:${line}:${offset - at + 1}: ${message}`;
  }

  /** The text with all that stands in quotes, and the quotes, made blank: what is found in it is where it was. */
  get outline(): string {
    return this.text.replace(/"(?:[^"\\\n]|\\.)*"/g, (quoted) => ' '.repeat(quoted.length));
  }
}

/** A line that begins so belongs to the one before; and one that begins with an arrow, if there is none yet. */
const GOES_ON = /^\s*(?:and\b|or\b|&&|\|\||limit\b|per\b|then\b)/;
const ARROW = /^\s*->/;

function withoutComment(line: string): string {
  for (let i = 0, quoted = false; i < line.length; i++) {
    if (quoted && line[i] === '\\') i++;
    else if (line[i] === '"') quoted = !quoted;
    else if (line[i] === '#' && !quoted) return line.slice(0, i);
  }
  return line;
}

/** The statements of a file. One goes on in the next line after a comma, `and` or `or`, and where that line cannot begin one. */
export function readStatements(text: string, file: string): Statement[] {
  const groups: { text: string; line: number }[][] = [];
  for (const [index, whole] of text.split('\n').entries()) {
    const line = withoutComment(whole).trimEnd();
    if (line === '') continue;
    const before = groups.at(-1);
    const goesOn =
      before &&
      (/(?:,|\b(?:and|or)|&&|\|\|)$/.test(before.at(-1)!.text) ||
        GOES_ON.test(line) ||
        (ARROW.test(line) && !before.some((each) => each.text.includes('->'))));
    if (goesOn) before.push({ text: line, line: index + 1 });
    else groups.push([{ text: line, line: index + 1 }]);
  }
  return groups.map((lines) => new Statement(file, lines));
}

/** A word of a statement, and where it is. */
export interface Word {
  readonly text: string;
  readonly offset: number;
}

/** Words from an offset on; a comma is one. */
export function wordsOf({ text }: Statement, from = 0): Word[] {
  return [...text.slice(from).matchAll(/,|"(?:[^"\\]|\\.)*"|[^\s,]+/g)].map((match) => ({
    text: match[0],
    offset: from + match.index,
  }));
}
