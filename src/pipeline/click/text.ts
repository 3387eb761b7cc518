import type { Position } from './diagnostics.js';

/** From `offset` on, the text stands at `position`; all of it at that one place where it was substituted for a variable. */
interface Mark {
  offset: number;
  position: Position;
  fixed: boolean;
}

/** A piece of text that knows where in the source each of its characters comes from. One mark a line at least, in order. */
export interface Text {
  text: string;
  marks: readonly Mark[];
}

export function positionAt(text: Text, offset: number): Position {
  const mark = text.marks[markAt(text, offset)]!;
  if (mark.fixed) return mark.position;
  return { ...mark.position, column: mark.position.column + (offset - mark.offset) };
}

/** The last mark at or before an offset. */
function markAt(text: Text, offset: number): number {
  let low = 0;
  let high = text.marks.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (text.marks[middle]!.offset <= offset) low = middle;
    else high = middle - 1;
  }
  return low;
}

/** Where lines begin after an offset: behind each `\n`, `\r` and `\r\n`. */
export function* lineStarts(text: string, from: number, to: number): Generator<number> {
  for (let i = from; i < to; i++) {
    const c = text[i];
    if (c === '\n' || (c === '\r' && text[i + 1] !== '\n')) yield i + 1;
  }
}

export function plainText(text: string, position: Position): Text {
  return new TextBuilder(position).addLines(text, 0, text.length, position).build();
}

export class TextBuilder {
  readonly #start: Position;
  readonly #parts: string[] = [];
  readonly #marks: Mark[] = [];
  #length = 0;

  constructor(start: Position) {
    this.#start = start;
  }

  /** Source text [from, to) whose first character stands at `position`. */
  addLines(source: string, from: number, to: number, position: Position): this {
    this.#mark(position, false);
    let line = position.line;
    for (const start of lineStarts(source, from, to)) {
      line++;
      this.#marks.push({
        offset: this.#length + start - from,
        position: { ...position, line, column: 1 },
        fixed: false,
      });
    }
    return this.#push(source.slice(from, to));
  }

  /** A part of another text, with its places. */
  addSlice(text: Text, from: number, to: number): this {
    const first = markAt(text, from);
    this.#mark(positionAt(text, from), text.marks[first]!.fixed);
    for (let i = first + 1; i < text.marks.length && text.marks[i]!.offset < to; i++) {
      const mark = text.marks[i]!;
      this.#marks.push({ ...mark, offset: this.#length + mark.offset - from });
    }
    return this.#push(text.text.slice(from, to));
  }

  /** Text that stands for something at `position`. */
  addSubstitute(substitute: string, position: Position): this {
    this.#mark(position, true);
    return this.#push(substitute);
  }

  build(): Text {
    if (this.#marks.length === 0) this.#mark(this.#start, false);
    return { text: this.#parts.join(''), marks: this.#marks };
  }

  #mark(position: Position, fixed: boolean): void {
    this.#marks.push({ offset: this.#length, position, fixed });
  }

  #push(part: string): this {
    this.#parts.push(part);
    this.#length += part.length;
    return this;
  }
}
