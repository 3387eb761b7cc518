import type { Class } from './click/read.js';
import type { ElementClass } from './element.js';
import { portNames } from './spec.js';

/** The element classes a graph may name. */
export class Registry {
  private readonly classes: ReadonlyMap<string, ElementClass>;

  constructor(classes: readonly ElementClass[]) {
    this.classes = new Map(classes.map((each) => [each.name, each]));
  }

  get(name: string): ElementClass | undefined {
    return this.classes.get(name);
  }

  get names(): string[] {
    return [...this.classes.keys()].sort();
  }

  /** A class as the language front end wants to know it. */
  readonly find = (name: string): Class | undefined => {
    const found = this.classes.get(name);
    return found && { name, inputs: portNames(found.spec.inputs), outputs: portNames(found.spec.outputs) };
  };
}
