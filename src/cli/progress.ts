/** Milliseconds until something counts as long, and between two lines where there is no terminal. */
const LONG = 1000;
const RARELY = 5000;

/** Tells on standard error how far something is that takes long. What is quick says nothing. */
export class Progress {
  private readonly start = Date.now();
  private last = 0;
  private shown = false;

  tell(what: string, done: number, total: number): void {
    const now = Date.now();
    const { isTTY } = process.stderr;
    if (now - this.start < LONG || now - this.last < (isTTY ? 100 : RARELY)) return;
    this.last = now;
    this.shown = true;
    const text = `${what}: ${Math.floor((100 * done) / total)} %`;
    process.stderr.write(isTTY ? `\r\x1b[K${text}` : `${text}\n`);
  }

  /** Takes the line off the terminal. */
  end(): void {
    if (this.shown && process.stderr.isTTY) process.stderr.write('\r\x1b[K');
  }
}
