/** Numbers for image names, so that a packet's column can say which image is to play its destination. */
export class Images {
  private readonly names: string[] = [];

  /** The number of a name; a name seen for the first time gets the next one. */
  number(name: string): number {
    const known = this.names.indexOf(name);
    return known >= 0 ? known : this.names.push(name) - 1;
  }

  name(number: number): string {
    return this.names[number]!;
  }

  get all(): readonly string[] {
    return this.names;
  }
}
