import type { Budget } from './budget.js';
import type { Diagnostics, Position } from './diagnostics.js';
import { type Environment, expand, expandString } from './expand.js';
import type { Class } from './read.js';
import { MAX_DEPTH } from './reading.js';
import { type Resolution, Resolver } from './resolve.js';
import type { Node, Template, Type, Wire } from './template.js';
import type { Text } from './text.js';

/** A node of the flat graph. A passage only leads on, and is gone once the wires are joined. */
export interface FlatNode {
  passage: boolean;
  /** With the names of the compounds it is in. */
  name: string;
  /** As it is called in its own compound. */
  localName: string;
  className: string;
  /** Not there if it is unknown. */
  class: Class | undefined;
  config: Text;
  position: Position;
  damaged: boolean;
}

export interface Flat {
  nodes: FlatNode[];
  wires: Wire[];
}

/** The nodes that wires to and from something are to be connected to. */
interface Ends {
  input: number;
  output: number;
}

function both(node: number): Ends {
  return { input: node, output: node };
}

/** A compound that is still to be filled in. Its passages are the nodes `input` and `output`. */
interface Instance extends Ends {
  template: Template;
  prefix: string;
  environment: Environment;
  depth: number;
}

/** Replaces compounds by what is in them. `complete` stands for a file without syntax errors. */
export function flatten(
  file: Template,
  defines: Record<string, string>,
  complete: boolean,
  budget: Budget,
  diagnostics: Diagnostics,
): Flat {
  const values = new Map([...file.defines, ...Object.entries(defines)]);
  return new Flattener(budget, diagnostics, complete).run(file, values);
}

class Flattener {
  readonly #budget: Budget;
  readonly #diagnostics: Diagnostics;
  readonly #resolver: Resolver;
  readonly #flat: Flat = { nodes: [], wires: [] };
  readonly #names = new Map<string, Position>();

  constructor(budget: Budget, diagnostics: Diagnostics, complete: boolean) {
    this.#resolver = new Resolver(budget, diagnostics, complete);
    this.#budget = budget;
    this.#diagnostics = diagnostics;
  }

  run(template: Template, values: Map<string, string>): Flat {
    const environment = { depth: 0, parent: undefined, values };
    // The elements of a compound come after all elements beside it, and those of the compounds in it right after its own.
    const stack: Instance[] = [{ template, prefix: '', environment, input: -1, output: -1, depth: 0 }];
    for (let next = stack.pop(); next && this.#budget.exceeded.size === 0; next = stack.pop()) {
      const inner = this.#fill(next);
      for (const instance of inner.reverse()) stack.push(instance);
    }
    return this.#flat;
  }

  #fill(instance: Instance): Instance[] {
    const { template, prefix } = instance;
    const ends: Ends[] = [];
    const inner: Instance[] = [];
    const isCompound = template.depth > 0;
    for (const [index, node] of template.nodes.entries()) {
      if (isCompound && index === 0) ends.push({ input: -1, output: instance.input });
      else if (isCompound && index === 1) ends.push({ input: instance.output, output: -1 });
      else {
        const name = prefix + node.name;
        if (!this.#budget.spendElement() || !this.#budget.spendCharacters(name.length + node.config.text.length))
          return [];
        if (!node.type) ends.push(both(this.#passage(node.name, node.position)));
        else ends.push(this.#element(node, node.type, name, index, instance, inner));
      }
    }
    for (const { from, to, position } of template.wires) {
      if (!this.#budget.spendConnection()) return [];
      this.#flat.wires.push({
        from: { ...from, node: ends[from.node]!.output },
        to: { ...to, node: ends[to.node]!.input },
        position,
      });
    }
    return inner;
  }

  #passage(name: string, position: Position): number {
    return this.#add({
      passage: true,
      name,
      localName: name,
      className: '',
      class: undefined,
      config: EMPTY,
      position,
      damaged: false,
    });
  }

  #element(node: Node, type: Type, name: string, index: number, within: Instance, inner: Instance[]): Ends {
    const { position } = node;
    const earlier = this.#names.get(name);
    if (earlier) {
      this.#diagnostics.error(position, `redeclaration of element '${name}'`);
      this.#diagnostics.error(earlier, `element '${name}' previously declared here`);
    }
    this.#names.set(name, position);
    const config = expand(node.config, within.environment, this.#budget);
    const found: Resolution =
      type.kind === 'compound'
        ? this.#resolver.resolve(type.template, node, index, within.template, config)
        : { type, values: new Map() };
    if (found.type.kind !== 'compound') {
      const className = found.type.name;
      const flatClass = found.type.kind === 'primitive' ? found.type.class : undefined;
      const added = this.#add({
        passage: false,
        name,
        localName: node.name,
        className,
        class: flatClass,
        config,
        position,
        damaged: node.damaged ?? false,
      });
      return both(added);
    }
    const ends = { input: this.#passage(name, position), output: this.#passage(name, position) };
    if (within.depth >= MAX_DEPTH) {
      this.#diagnostics.error(position, 'maximum compound element nesting depth exceeded');
      return ends;
    }
    const { template } = found.type;
    const environment = this.#environment(template, within.environment, found.values);
    inner.push({ template, prefix: `${name}/`, environment, ...ends, depth: within.depth + 1 });
    return ends;
  }

  /** Variables are looked up where the compound is defined, not where it is used. */
  #environment(template: Template, user: Environment, values: Map<string, string>): Environment {
    let parent: Environment | undefined = user;
    while (parent && parent.depth >= template.depth) parent = parent.parent;
    this.#budget.spendCharacters(template.defines.size);
    const environment: Environment = { depth: template.depth, parent, values };
    for (const [name, value] of template.defines) values.set(name, value);
    // A value that mentions its own name means what that name stands for outside; it is needed before others use it.
    const defines = [...template.defines].map(([name, value]) => ({ name, value, own: value.includes(name) }));
    for (const { name, value } of defines.sort((a, b) => Number(b.own) - Number(a.own))) {
      values.delete(name);
      values.set(name, expandString(value, environment, this.#budget));
    }
    return environment;
  }

  #add(node: FlatNode): number {
    return this.#flat.nodes.push(node) - 1;
  }
}

const EMPTY: Text = { text: '', marks: [] };
