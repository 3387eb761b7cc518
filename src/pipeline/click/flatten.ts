import { assignArguments } from './arguments.js';
import type { Budget } from './budget.js';
import type { Diagnostics, Position } from './diagnostics.js';
import { type Environment, expand, expandString } from './expand.js';
import { MAX_DEPTH } from './parser.js';
import type { Class } from './read.js';
import { type End, type Node, signature, type Template, type Type, type Wire, wantedSignature } from './template.js';
import type { Text } from './text.js';
import { splitText } from './words.js';

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

/** A compound that is still to be filled in: what comes in from `input` and goes out to `output`. */
interface Instance {
  template: Template;
  prefix: string;
  environment: Environment;
  input: number;
  output: number;
  depth: number;
}

/** Replaces compounds by what is in them. */
export function flatten(
  file: Template,
  defines: Record<string, string>,
  budget: Budget,
  diagnostics: Diagnostics,
): Flat {
  return new Flattener(budget, diagnostics).run(file, new Map([...file.defines, ...Object.entries(defines)]));
}

class Flattener {
  readonly #budget: Budget;
  readonly #diagnostics: Diagnostics;
  readonly #flat: Flat = { nodes: [], wires: [] };
  readonly #names = new Map<string, Position>();
  readonly #used = new Map<Template, Map<number, PortUse>>();

  constructor(budget: Budget, diagnostics: Diagnostics) {
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
    const ends: { input: number; output: number }[] = [];
    const inner: Instance[] = [];
    const isCompound = template.depth > 0;
    for (const [index, node] of template.nodes.entries()) {
      if (isCompound && index === 0) ends.push({ input: -1, output: instance.input });
      else if (isCompound && index === 1) ends.push({ input: instance.output, output: -1 });
      else {
        const name = prefix + node.name;
        if (!this.#budget.spendElement() || !this.#budget.spendCharacters(name.length + node.config.text.length))
          return [];
        if (!node.type) ends.push(this.#passages(node.name, node.position));
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

  #passages(name: string, position: Position): { input: number; output: number } {
    const node = this.#add({
      passage: true,
      name,
      localName: name,
      className: '',
      class: undefined,
      config: EMPTY,
      position,
      damaged: false,
    });
    return { input: node, output: node };
  }

  #element(
    node: Node,
    type: Type,
    name: string,
    index: number,
    within: Instance,
    inner: Instance[],
  ): { input: number; output: number } {
    const { position } = node;
    const earlier = this.#names.get(name);
    if (earlier) {
      this.#diagnostics.error(position, `redeclaration of element '${name}'`);
      this.#diagnostics.error(earlier, `element '${name}' previously declared here`);
    }
    this.#names.set(name, position);
    const config = expand(node.config, within.environment, this.#budget);
    const found = type.kind === 'compound' ? this.#resolve(type.template, node, index, within, config) : { type };
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
      return { input: added, output: added };
    }
    const ends = { input: this.#passages(name, position).input, output: this.#passages(name, position).input };
    if (within.depth >= MAX_DEPTH) {
      this.#diagnostics.error(position, 'maximum compound element nesting depth exceeded');
      return ends;
    }
    const { template } = found.type;
    const environment = this.#environment(template, within.environment, found.values ?? new Map());
    inner.push({ template, prefix: `${name}/`, environment, ...ends, depth: within.depth + 1 });
    return ends;
  }

  /** Variables are looked up where the compound is defined, not where it is used. */
  #environment(template: Template, user: Environment, values: Map<string, string>): Environment {
    let parent: Environment | undefined = user;
    while (parent && parent.depth >= template.depth) parent = parent.parent;
    const environment: Environment = { depth: template.depth, parent, values };
    for (const [name, value] of template.defines) values.set(name, value);
    for (const [name, value] of template.defines) values.set(name, expandString(value, environment, this.#budget));
    return environment;
  }

  /** The first overload that fits; or the only one there is, if just its ports do not. */
  #resolve(
    first: Template,
    node: Node,
    index: number,
    within: Instance,
    config: Text,
  ): { type: Type; values?: Map<string, string> } {
    const { inputs, outputs } = this.#portUse(within.template, index);
    const args = splitText(config).map(({ text }) => text);
    const wanted = { inputs: portCount(inputs), outputs: portCount(outputs) };
    const candidates: Template[] = [];
    let type: Type | undefined = { kind: 'compound', template: first };
    for (; type?.kind === 'compound'; type = type.template.next) {
      const { template } = type;
      candidates.push(template);
      const values = assignArguments(template.formals, args);
      if (values && template.inputs === wanted.inputs && template.outputs === wanted.outputs) {
        this.#checkPorts(template, node, inputs, outputs);
        return { type, values };
      }
    }
    if (type) return { type };
    const values = candidates.length === 1 ? assignArguments(first.formals, args) : undefined;
    if (values) {
      this.#checkPorts(first, node, inputs, outputs);
      return { type: { kind: 'compound', template: first }, values };
    }
    const signatureWanted = wantedSignature(first.name, args.length, wanted.inputs, wanted.outputs);
    this.#diagnostics.error(node.position, `no match for '${signatureWanted}'`);
    this.#diagnostics.error(
      candidates[0]!.position,
      'candidates are:',
      `candidates ${node.position.line}:${node.position.column}`,
    );
    for (const candidate of candidates) this.#diagnostics.error(candidate.position, `  ${signature(candidate)}`);
    return { type: { kind: 'unknown', name: first.name } };
  }

  #checkPorts(template: Template, node: Node, inputs: Map<number, Position>, outputs: Map<number, Position>): void {
    const check = (used: Map<number, Position>, count: number, side: string) => {
      const missing = [...used].filter(([port]) => port >= count);
      for (const [port, position] of missing)
        this.#diagnostics.error(position, `'${node.name}' has no ${side} ${port}`);
      for (let port = 0; port < count && missing.length === 0 && !node.damaged; port++)
        if (!used.has(port)) this.#diagnostics.error(node.position, `'${node.name}' ${side} ${port} unused`);
    };
    check(inputs, template.inputs, 'input');
    check(outputs, template.outputs, 'output');
  }

  #portUse(template: Template, index: number): PortUse {
    let uses = this.#used.get(template);
    if (!uses) {
      uses = new Map();
      for (const { from, to } of template.wires) {
        usePort(uses, from, 'outputs');
        usePort(uses, to, 'inputs');
      }
      this.#used.set(template, uses);
    }
    return uses.get(index) ?? { inputs: new Map(), outputs: new Map() };
  }

  #add(node: FlatNode): number {
    return this.#flat.nodes.push(node) - 1;
  }
}

const EMPTY: Text = { text: '', marks: [] };

interface PortUse {
  inputs: Map<number, Position>;
  outputs: Map<number, Position>;
}

function usePort(uses: Map<number, PortUse>, end: End, side: 'inputs' | 'outputs'): void {
  let use = uses.get(end.node);
  if (!use) {
    use = { inputs: new Map(), outputs: new Map() };
    uses.set(end.node, use);
  }
  if (!use[side].has(end.port)) use[side].set(end.port, end.position);
}

function portCount(used: Map<number, Position>): number {
  let count = 0;
  for (const port of used.keys()) count = Math.max(count, port + 1);
  return count;
}
