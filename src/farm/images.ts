/** The greatest number that the column `image` can hold, which has one more than the number itself. */
const LAST = 0xfffe;

/**
 * Numbers for who is to play a packet's destination, for the column `image`: images of clones from 0 upwards, sinks from the
 * top downwards. A rule that redirects names one or the other; which it is, is known when all elements have been made.
 */
export class Images {
  private readonly names: string[] = [];
  private readonly sinks: string[] = [];
  private readonly wanted = new Set<string>();

  /** The number of an image of clones; a name seen for the first time gets the next one. */
  number(name: string): number {
    const known = this.names.indexOf(name);
    return known >= 0 ? known : this.names.push(name) - 1;
  }

  name(number: number): string {
    return this.names[number]!;
  }

  /** Notes that a rule redirects to a name. Clones play it unless there is a sink of that name when the farm starts. */
  want(name: string): void {
    this.wanted.add(name);
  }

  /** @returns the sink's number. @throws {Error} if there is one of that name. */
  addSink(name: string): number {
    if (this.sinks.includes(name)) throw new Error(`there are two sinks '${name}'`);
    return LAST - (this.sinks.push(name) - 1);
  }

  /** The number of what a rule redirects to: a sink, or else an image. */
  target(name: string): number {
    const sink = this.sinks.indexOf(name);
    return sink >= 0 ? LAST - sink : this.number(name);
  }

  /** Whether somebody plays a name. */
  knows(name: string): boolean {
    return this.sinks.includes(name) || this.all.includes(name);
  }

  /** Images that the farm must have. */
  get all(): readonly string[] {
    for (const name of this.wanted) if (!this.sinks.includes(name)) this.number(name);
    this.wanted.clear();
    return this.names;
  }
}
