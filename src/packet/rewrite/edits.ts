/** Words of an edit: where it begins and ends in the input, and in the output. */
const IN = 0;
const IN_END = 1;
const OUT = 2;
const OUT_END = 3;
const WORDS = 4;

/** Edits that are forgotten before the list is made shorter. */
const SLACK = 64;

/**
 * Which place of a stream's output belongs to which of its input, where parts of it were replaced by longer or shorter
 * ones. Positions count from the beginning of the stream. Between edits they differ by a constant.
 */
export class Edits {
  private list: number[] = [];
  private head = 0;
  /** Output less input position before the first edit. */
  private shift = 0;

  get count(): number {
    return (this.list.length - this.head) / WORDS;
  }

  /** Notes that input was replaced, behind all other edits. What is left out next to what is left out is one edit. */
  add(inAt: number, inEnd: number, outAt: number, outEnd: number): void {
    const { list } = this;
    const last = list.length - WORDS;
    const joins = last >= this.head && outAt === outEnd && list[last + OUT] === outAt && list[last + IN_END] === inAt;
    if (joins && list[last + OUT_END] === outAt) list[last + IN_END] = inEnd;
    else list.push(inAt, inEnd, outAt, outEnd);
  }

  /** Where an input position comes to lie. Inside of an edit it is that edit's end, or its beginning. */
  outOf(position: number, up: boolean): number {
    const { list } = this;
    for (let i = list.length - WORDS; i >= this.head; i -= WORDS) {
      if (position >= list[i + IN_END]!) return position - list[i + IN_END]! + list[i + OUT_END]!;
      if (position > list[i + IN]!) return list[i + (up ? OUT_END : OUT)]!;
    }
    return position + this.shift;
  }

  /**
   * Where the input ends whose output ends at a position: what is left out there is before it. Inside of an edit it is
   * that edit's end, or its beginning.
   */
  inOf(position: number, up: boolean): number {
    const { list } = this;
    for (let i = list.length - WORDS; i >= this.head; i -= WORDS) {
      if (position >= list[i + OUT_END]!) return position - list[i + OUT_END]! + list[i + IN_END]!;
      if (position > list[i + OUT]!) return list[i + (up ? IN_END : IN)]!;
    }
    return position - this.shift;
  }

  /** Forgets edits whose output ends before a position. */
  forget(position: number): void {
    const { list } = this;
    while (this.head < list.length && list[this.head + OUT_END]! <= position) {
      this.shift = list[this.head + OUT_END]! - list[this.head + IN_END]!;
      this.head += WORDS;
    }
    if (this.head > SLACK * WORDS && this.head * 2 > list.length) {
      this.list = list.slice(this.head);
      this.head = 0;
    }
  }
}
