/** The syntax tree of a Click file, before any name is looked up. */
import type { Position } from './diagnostics.js';
import type { Text } from './text.js';

export type Statement =
  | { kind: 'connection'; sets: ElementSyntax[][]; arrows: Arrow[] }
  | { kind: 'elementclass'; name: string; position: Position; definition: ClassSyntax }
  | { kind: 'require'; type: 'package' | 'compact_config'; value: string }
  | { kind: 'library'; statements: Statement[] }
  | { kind: 'define'; name: string; value: string; position: Position };

/** How two sets of elements are connected; `=>` allows many to many. */
export interface Arrow {
  kind: '->' | '=>';
  position: Position;
}

/** One mention of an element: `[inputs] name :: class(config) [outputs]`, with most of it optional. */
export interface ElementSyntax {
  position: Position;
  subject:
    | { kind: 'name'; name: string }
    | { kind: 'compound'; definition: CompoundSyntax }
    | { kind: 'group'; statements: Statement[] }
    /** `[0] -> x` inside braces or parentheses means `input [0] -> x`. */
    | { kind: 'implied'; name: 'input' | 'output' };
  /** What follows `::`. */
  declared?: ClassSyntax;
  config?: Text;
  inputs?: PortsSyntax;
  outputs?: PortsSyntax;
}

/** `[1]`, `[0,2]`, `[0-2]`, `[known]`; `[]` and `[1,]` are open: they take as many ports as the other side has. */
export interface PortsSyntax {
  position: Position;
  ports: { port: number | string; position: Position }[];
  open: boolean;
}

export type ClassSyntax =
  | { kind: 'name'; name: string; position: Position }
  | CompoundSyntax
  /** A syntax error has been reported in its place. */
  | { kind: 'missing'; position: Position };

/** `{ … || … || ... }` */
export interface CompoundSyntax {
  kind: 'compound';
  position: Position;
  overloads: OverloadSyntax[];
  /** Ends in `...`: what the class meant before still counts. */
  extends: boolean;
}

export interface OverloadSyntax {
  position: Position;
  formals: Formal[];
  statements: Statement[];
}

/** `$name` or `KEYWORD $name`; the keyword is empty for a positional one and `__REST__` for what is left over. */
export interface Formal {
  name: string;
  keyword: string;
  position: Position;
}
