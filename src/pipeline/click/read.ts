import type { Diagnostic, Position } from './diagnostics.js';
import type { Argument } from './words.js';
export interface Class {
  name: string;
  inputs: readonly string[] | 'any';
  outputs: readonly string[] | 'any';
}
export interface ReadOptions {
  defines?: Record<string, string>;
  findClass(name: string): Class | undefined;
  classNames(): string[];
}
export interface FlatElement {
  name: string;
  class: string;
  config: string;
  arguments: Argument[];
  position: Position;
}
export interface FlatConnection {
  from: { element: number; port: number };
  to: { element: number; port: number };
  position: Position;
}
export interface FlatGraph {
  elements: FlatElement[];
  connections: FlatConnection[];
  requirements: { type: string; value: string }[];
}
export declare function readGraph(
  source: { file: string; text: string },
  options: ReadOptions,
): { graph: FlatGraph; diagnostics: Diagnostic[] };
