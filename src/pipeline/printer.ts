import type { Services } from './element.js';

/** Lines that may be printed in a second of the engine's time. */
const MOST = 1000;

/**
 * Where elements print for people to read: standard error, one for all elements of an engine. Strangers decide how
 * many packets arrive, so the lines of a second are bounded; what was left out is said.
 */
export class Printer {
  /** Takes the text; tests put their own here. */
  write: (text: string) => void = (text) => process.stderr.write(text);
  /** The same for what scripts print: standard output. */
  writeOut: (text: string) => void = (text) => process.stdout.write(text);
  private readonly services: Services;
  private since = Number.NEGATIVE_INFINITY;
  private printed = 0;
  private suppressed = 0;

  constructor(services: Services) {
    this.services = services;
  }

  /** Whether another line would be printed now. If not it counts as left out, so ask once for each line. */
  admits(): boolean {
    const { now } = this.services.clock;
    if (now - this.since >= 1) {
      if (this.suppressed > 0) this.write(`(${this.suppressed} lines were not printed)\n`);
      this.since = now;
      this.printed = this.suppressed = 0;
    }
    if (this.printed < MOST) {
      this.printed++;
      return true;
    }
    this.suppressed++;
    return false;
  }

  /** Prints what a script has to say, if it may. */
  print(text: string): void {
    if (this.admits()) this.writeOut(text);
  }

  /** Prints a line, if it may. */
  line(text: string): void {
    if (this.admits()) this.write(`${text}\n`);
  }
}
