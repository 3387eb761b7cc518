import { Budget } from './budget.js';
import { checkPorts } from './check.js';
import { type Diagnostic, Diagnostics, type Position } from './diagnostics.js';
import { elaborate } from './elaborate.js';
import { type Flat, flatten } from './flatten.js';
import { joinWires } from './join.js';
import { Parser } from './parser.js';
import { newReading } from './reading.js';
import { type Argument, joinArguments, splitText } from './words.js';

/** What reading a graph needs to know of a class of elements. */
export interface Class {
  name: string;
  /** Names of the ports in order; 'any' for as many as are connected. */
  inputs: readonly string[] | 'any';
  outputs: readonly string[] | 'any';
  /** Those that may stay unconnected. */
  optionalInputs?: readonly string[];
  optionalOutputs?: readonly string[];
}

export interface ReadOptions {
  /** Variables set from outside; they win over the file's own `define`. */
  defines?: Record<string, string>;
  findClass(name: string): Class | undefined;
  /** What to suggest from when a class is not found. */
  classNames(): string[];
  /** The file that `require(library NAME)` in file `from` means. */
  readLibrary?(name: string, from: string): { file: string; text: string } | undefined;
}

/** An element that is left when compounds and variables are expanded. */
export interface FlatElement {
  /** With the names of the compounds around it: `outer/inner`. */
  name: string;
  class: string;
  /** The arguments, joined with `, `. */
  config: string;
  arguments: Argument[];
  position: Position;
}

/** Ports count from 0; elements are indices into the graph's list. */
export interface FlatConnection {
  from: { element: number; port: number };
  to: { element: number; port: number };
  position: Position;
}

/** Connections are ordered by where they come from, then by where they go; no two are the same. */
export interface FlatGraph {
  elements: FlatElement[];
  connections: FlatConnection[];
  requirements: { type: string; value: string }[];
}

/**
 * Reads a graph in Click's language. Never throws for what the text holds: if there are errors among the diagnostics, the
 * graph is what could be made out.
 */
export function readGraph(
  source: { file: string; text: string },
  options: ReadOptions,
): { graph: FlatGraph; diagnostics: Diagnostic[] } {
  const diagnostics = new Diagnostics();
  const position = { file: source.file, line: 1, column: 1 };
  const reading = newReading(diagnostics, options.readLibrary?.bind(options));
  const statements = new Parser(source, reading).parse();
  const complete = diagnostics.errors === 0;
  const { template, requirements } = elaborate(statements, position, options, diagnostics, reading.skipped);
  const budget = new Budget();
  const flat = flatten(template, options.defines ?? {}, complete, budget, diagnostics);
  const joined = joinWires(flat, budget);
  for (const what of budget.exceeded) diagnostics.error(position, `the graph is too large: ${what}`);
  if (budget.exceeded.size === 0) checkPorts(flat, joined, complete, diagnostics);
  const indices = new Map<number, number>();
  const elements = flatElements(flat, indices);
  const connections = joined.map((wire) => ({
    from: { element: indices.get(wire.from.node)!, port: wire.from.port },
    to: { element: indices.get(wire.to.node)!, port: wire.to.port },
    position: wire.position,
  }));
  return { graph: { elements, connections, requirements }, diagnostics: diagnostics.list };
}

function flatElements({ nodes }: Flat, indices: Map<number, number>): FlatElement[] {
  const elements: FlatElement[] = [];
  for (const [i, node] of nodes.entries()) {
    if (node.passage) continue;
    indices.set(i, elements.length);
    const args = splitText(node.config);
    const config = joinArguments(args.map(({ text }) => text));
    elements.push({ name: node.name, class: node.className, config, arguments: args, position: node.position });
  }
  return elements;
}
