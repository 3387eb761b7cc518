import type { Diagnostics, Position } from './diagnostics.js';
import type { ReadOptions } from './read.js';
import { suggestion } from './suggest.js';
import type { End, Template, Type, Wire } from './template.js';
import type { Text } from './text.js';

/** Where packets to an element go and where they come from: one node, or a group's two passages. */
export interface Reference {
  name: string;
  /** Not there: `output`'s outputs and `input`'s inputs may not be used. */
  input: number | undefined;
  output: number | undefined;
  position: Position;
  type: Type | undefined;
  /** A group's ports, which are connected in order when none are given. */
  inputs?: number;
  outputs?: number;
  /** Whose `input` or `output` it is. */
  owner?: string;
  /** Used without being declared: a declaration may still follow. */
  undeclared?: boolean;
}

/** The names of classes, which are known from their definition to the end of the enclosing braces. */
export class Classes {
  readonly #parent: Classes | undefined;
  readonly #options: ReadOptions;
  readonly #own = new Map<string, Type>();

  constructor(options: ReadOptions, parent?: Classes) {
    this.#options = options;
    this.#parent = parent;
  }

  find(name: string): Type | undefined {
    const own = this.#own.get(name);
    if (own) return own;
    if (this.#parent) return this.#parent.find(name);
    const found = this.#options.findClass(name);
    if (!found) return undefined;
    const type: Type = { kind: 'primitive', name, class: found };
    this.#own.set(name, type);
    return type;
  }

  define(name: string, type: Type): void {
    this.#own.set(name, type);
  }

  names(): string[] {
    return [...(this.#parent?.names() ?? this.#options.classNames()), ...this.#own.keys()];
  }

  /** The class of that name; an unknown one is reported once. */
  require(name: string, position: Position, diagnostics: Diagnostics): Type {
    const found = this.find(name);
    if (found) return found;
    diagnostics.error(
      position,
      `unknown element class '${name}'${suggestion(name, diagnostics.full ? [] : this.names())}`,
    );
    const type: Type = { kind: 'unknown', name };
    this.define(name, type);
    return type;
  }
}

const MISSING_SHOWN = 8;

/** One file's or one compound's elements while it is read. */
export class Scope {
  readonly template: Template;
  readonly classes: Classes;
  readonly elements = new Map<string, Reference>();
  /** Anonymous nodes wait for their names until all others are known. */
  readonly #anonymous: { node: number; prefix: string; number: number }[] = [];
  readonly #usedPorts = new Map<number, Set<number>>();
  /** Elements so far, which number the anonymous ones; a group counts as three. */
  #count = 0;

  constructor(template: Template, classes: Classes) {
    this.template = template;
    this.classes = classes;
  }

  addNode(name: string, type: Type | undefined, config: Text, position: Position): number {
    this.#count++;
    return this.template.nodes.push({ name, type, config, position }) - 1;
  }

  /** A node to be named `Class@N`. */
  addAnonymous(className: string, type: Type, config: Text, position: Position): number {
    const number = this.#count + 1;
    const node = this.addNode('', type, config, position);
    this.#anonymous.push({ node, prefix: `${className}@`, number });
    return node;
  }

  /** A passage does not count as an element. */
  addPassage(name: string, position: Position): number {
    return this.template.nodes.push({ name, type: undefined, config: { text: '', marks: [] }, position }) - 1;
  }

  countGroup(): void {
    this.#count += 3;
  }

  connect(from: End, to: End, position: Position): Wire {
    const wire = { from, to, position };
    this.template.wires.push(wire);
    this.#use(from);
    this.#use(to);
    return wire;
  }

  /** How many ports of a passage are in use, if all below the highest are; and the first few that are missing. */
  portsOf(node: number): { count: number; missing: number[] } {
    const used = this.#usedPorts.get(node) ?? new Set();
    let count = 0;
    for (const port of used) count = Math.max(count, port + 1);
    const missing: number[] = [];
    for (let port = 0; port < count && missing.length < MISSING_SHOWN; port++) if (!used.has(port)) missing.push(port);
    return { count, missing };
  }

  nameAnonymous(): void {
    const taken = new Map<string, number>();
    for (const { node, prefix, number: first } of this.#anonymous) {
      let number = first;
      if (this.elements.has(prefix + number)) {
        number = Math.max(number, taken.get(prefix) ?? 0) + 1;
        while (this.elements.has(prefix + number)) number++;
        taken.set(prefix, number);
      }
      const name = prefix + number;
      const { type, position } = this.template.nodes[node]!;
      this.template.nodes[node]!.name = name;
      this.elements.set(name, { name, input: node, output: node, position, type });
    }
  }

  #use({ node, port }: End): void {
    const ports = this.#usedPorts.get(node);
    if (ports) ports.add(port);
    else this.#usedPorts.set(node, new Set([port]));
  }
}
