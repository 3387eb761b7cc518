/** What a file or a compound's body means once its names are looked up: nodes and the wires between them. */
import type { Position } from './diagnostics.js';
import type { Class } from './read.js';
import type { Formal } from './syntax.js';
import type { Text } from './text.js';

export type Type =
  | { kind: 'primitive'; name: string; class: Class }
  | { kind: 'compound'; template: Template }
  /** Its error has been reported; nothing more is said about its elements. */
  | { kind: 'unknown'; name: string };

/** An element; or, without a type, a passage: packets that come in at port n leave at port n. */
export interface Node {
  name: string;
  type: Type | undefined;
  config: Text;
  position: Position;
  /** A connection of it went wrong, so that it is no surprise if ports are unused. */
  damaged?: boolean;
}

export interface End {
  node: number;
  port: number;
  position: Position;
}

export interface Wire {
  from: End;
  to: End;
  position: Position;
}

/** In a compound nodes 0 and 1 are the passages `input` and `output`; a file has none. */
export interface Template {
  name: string;
  position: Position;
  /** 0 for a file, 1 for a compound in it, and so on. */
  depth: number;
  formals: Formal[];
  defines: Map<string, string>;
  nodes: Node[];
  wires: Wire[];
  inputs: number;
  outputs: number;
  /** The next overload to try. */
  next: Type | undefined;
}

export function newTemplate(name: string, position: Position, depth: number, formals: Formal[]): Template {
  return {
    name,
    position,
    depth,
    formals,
    defines: new Map(),
    nodes: [],
    wires: [],
    inputs: 0,
    outputs: 0,
    next: undefined,
  };
}

function count(n: number, what: string): string {
  return `${n} ${what}${n === 1 ? '' : 's'}`;
}

/** `X[2 arguments, 1 input, 1 output]`, as one wanted. */
export function wantedSignature(name: string, args: number, inputs: number, outputs: number): string {
  const wanted = args > 0 ? `${count(args, 'argument')}, ` : '';
  return `${name || '<anonymous>'}[${wanted}${count(inputs, 'input')}, ${count(outputs, 'output')}]`;
}

/** `X(<arg>, KEY, ...)[1 input, 1 output]`, as one on offer. */
export function signature({ name, formals, inputs, outputs }: Template): string {
  const list = formals.map(({ keyword }) => (keyword === '' ? '<arg>' : keyword === '__REST__' ? '...' : keyword));
  const offered = list.length > 0 ? `(${list.join(', ')})` : '';
  return `${name || '<anonymous>'}${offered}[${count(inputs, 'input')}, ${count(outputs, 'output')}]`;
}
