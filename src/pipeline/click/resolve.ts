import { assignArguments } from './arguments.js';
import type { Budget } from './budget.js';
import type { Diagnostics, Position } from './diagnostics.js';
import { type End, type Node, signature, type Template, type Type, wantedSignature } from './template.js';
import type { Text } from './text.js';
import { splitText } from './words.js';

/** What an element of a compound class turns out to be, and the values of its parameters. */
export interface Resolution {
  type: Type;
  values: Map<string, string>;
}

type Ports = Map<number, Position>;

/** The ports of an element that are in use, and where. */
interface PortUse {
  inputs: Ports;
  outputs: Ports;
}

/** Chooses among the overloads of compound classes. */
export class Resolver {
  readonly #budget: Budget;
  readonly #diagnostics: Diagnostics;
  readonly #complete: boolean;
  readonly #used = new Map<Template, Map<number, PortUse>>();

  /** `complete` stands for a file of which no part was lost to a syntax error: only there can a port be missed. */
  constructor(budget: Budget, diagnostics: Diagnostics, complete: boolean) {
    this.#budget = budget;
    this.#diagnostics = diagnostics;
    this.#complete = complete;
  }

  /**
   * The first overload that fits a node by its ports and arguments; or the only one there is, if just its ports do not.
   * `index` is the node's place in the template `within`.
   */
  resolve(first: Template, node: Node, index: number, within: Template, config: Text): Resolution {
    const used = this.#portUse(within, index);
    const args = splitText(config).map(({ text }) => text);
    const inputs = portCount(used.inputs);
    const outputs = portCount(used.outputs);
    const candidates: Template[] = [];
    let closest: (Resolution & { template: Template }) | undefined;
    let type: Type | undefined = { kind: 'compound', template: first };
    for (; type?.kind === 'compound'; type = type.template.next) {
      const { template } = type;
      candidates.push(template);
      this.#budget.spendCharacters(1 + template.formals.length + args.length);
      const values = assignArguments(template.formals, args);
      const found = values && { type, template, values };
      if (found && template.inputs === inputs && template.outputs === outputs) {
        this.#checkPorts(template, node, used);
        return found;
      }
      closest ??= found;
    }
    if (type) return { type, values: new Map() };
    const certain = this.#complete && !node.damaged;
    if (closest && (candidates.length === 1 || !certain)) {
      this.#checkPorts(closest.template, node, used);
      return closest;
    }
    this.#noMatch(node, wantedSignature(first.name, args.length, inputs, outputs), candidates);
    return { type: { kind: 'unknown', name: first.name }, values: new Map() };
  }

  #noMatch({ position }: Node, wanted: string, candidates: Template[]): void {
    this.#diagnostics.error(position, `no match for '${wanted}'`);
    const key = `candidates ${position.line}:${position.column}`;
    this.#diagnostics.error(candidates[0]!.position, 'candidates are:', key);
    for (const candidate of candidates) this.#diagnostics.error(candidate.position, `  ${signature(candidate)}`);
  }

  #checkPorts(template: Template, node: Node, used: PortUse): void {
    const check = (ports: Ports, count: number, side: string) => {
      const beyond = [...ports].filter(([port]) => port >= count);
      for (const [port, position] of beyond) this.#diagnostics.error(position, `'${node.name}' has no ${side} ${port}`);
      if (beyond.length > 0 || !this.#complete || node.damaged) return;
      for (let port = 0; port < count; port++)
        if (!ports.has(port)) this.#diagnostics.error(node.position, `'${node.name}' ${side} ${port} unused`);
    };
    check(used.inputs, template.inputs, 'input');
    check(used.outputs, template.outputs, 'output');
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
}

function usePort(uses: Map<number, PortUse>, end: End, side: 'inputs' | 'outputs'): void {
  let use = uses.get(end.node);
  if (!use) {
    use = { inputs: new Map(), outputs: new Map() };
    uses.set(end.node, use);
  }
  if (!use[side].has(end.port)) use[side].set(end.port, end.position);
}

function portCount(ports: Ports): number {
  let count = 0;
  for (const port of ports.keys()) count = Math.max(count, port + 1);
  return count;
}
