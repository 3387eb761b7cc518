import { oneLine } from '../narrate.js';

const WIDTH = 96;

/** Breaks text into lines at spaces. */
export function fold(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + 1 + word.length > width) {
      lines.push(line);
      line = word;
    } else line = line === '' ? word : `${line} ${word}`;
  }
  return [...lines, line];
}

export interface Terminal {
  write(text: string): unknown;
  readonly isTTY?: boolean;
  readonly columns?: number;
}

/** Tells a story on a terminal, or into a file without its colours. */
export class Teller {
  private readonly terminal: Terminal;
  private readonly colours: boolean;
  private readonly width: number;

  constructor(terminal: Terminal) {
    this.terminal = terminal;
    this.colours = terminal.isTTY === true && !process.env.NO_COLOR;
    this.width = Math.min(WIDTH, terminal.columns ?? WIDTH);
  }

  title(text: string): void {
    this.print('', this.style('1', text));
  }

  heading(text: string): void {
    this.print('', this.style('1;36', `── ${text} ${'─'.repeat(Math.max(2, this.width - text.length - 4))}`));
  }

  text(text: string): void {
    this.print(...fold(text, this.width));
  }

  /** Lines that are set already. */
  lines(text: string): void {
    this.print(text);
  }

  /** What the gateway did. */
  event(text: string): void {
    this.print(this.style('2', `  · ${oneLine(text)}`));
  }

  /** What came of it. */
  outcome(text: string): void {
    this.print(`  ${this.style('32', '→')} ${oneLine(text)}`);
  }

  problem(text: string): void {
    this.print(`  ${this.style('1;31', '✗')} ${oneLine(text)}`);
  }

  /** Rows of a label and a text. */
  table(rows: readonly (readonly [string, string])[]): void {
    const label = Math.max(...rows.map(([head]) => head.length));
    for (const [head, text] of rows) {
      const [first, ...more] = fold(text, this.width - label - 4);
      this.print(`  ${this.style('1', head.padStart(label))}  ${first}`);
      for (const line of more) this.print(`  ${' '.repeat(label)}  ${line}`);
    }
  }

  gap(): void {
    this.print('');
  }

  private print(...lines: string[]): void {
    this.terminal.write(`${lines.join('\n')}\n`);
  }

  private style(code: string, text: string): string {
    return this.colours ? `\x1b[${code}m${text}\x1b[0m` : text;
  }
}
