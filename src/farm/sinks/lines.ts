const LINE_FEED = 10;
const CARRIAGE_RETURN = 13;

/** Splits what a peer says into lines, of which only so many bytes are kept. */
export class Lines {
  private readonly bytes: Buffer;
  private length = 0;
  private cut = false;

  /** @param longest bytes of a line, without its end */
  constructor(longest: number) {
    this.bytes = Buffer.alloc(longest + 1);
  }

  /**
   * Takes bytes from an offset on, up to the end of a line.
   * @returns where the next line begins; -1 if this one is not complete yet
   */
  take(bytes: Uint8Array, from: number): number {
    const end = bytes.indexOf(LINE_FEED, from);
    const part = bytes.subarray(from, end < 0 ? bytes.length : end);
    const room = this.bytes.length - this.length;
    if (part.length > room) this.cut = true;
    this.bytes.set(part.subarray(0, room), this.length);
    this.length += Math.min(room, part.length);
    return end < 0 ? -1 : end + 1;
  }

  /** The line that take() has completed, a byte a character; undefined if it was too long. */
  shift(): string | undefined {
    const { bytes, length } = this;
    const end = length > 0 && bytes[length - 1] === CARRIAGE_RETURN ? length - 1 : length;
    const tooLong = this.cut || end === bytes.length;
    this.length = 0;
    this.cut = false;
    return tooLong ? undefined : bytes.toString('latin1', 0, end);
  }
}
