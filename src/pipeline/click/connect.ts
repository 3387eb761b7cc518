import type { Diagnostics } from './diagnostics.js';
import type { Reference, Scope } from './scope.js';
import type { Arrow, ElementSyntax, PortsSyntax } from './syntax.js';
import type { Type } from './template.js';

/** An element in a chain, and how it is mentioned there. */
export interface Mention {
  reference: Reference;
  syntax: ElementSyntax;
}

type Side = 'input' | 'output';

/** One port of one side of a connection; a port that does not exist has been reported and is -1. */
interface Terminal {
  mention: Mention;
  port: number;
  position: ElementSyntax['position'];
}

/** A side of a connection: its ports, and after which of them further ones may be put in. */
interface Terminals {
  list: Terminal[];
  openAfter: number[];
}

/** Connects the outputs of one set of elements to the inputs of the next. */
export function connectSets(
  scope: Scope,
  from: Mention[],
  to: Mention[],
  arrow: Arrow,
  diagnostics: Diagnostics,
): void {
  const outputs = terminals(from, 'output', diagnostics);
  const inputs = terminals(to, 'input', diagnostics);
  if (outputs.openAfter.length + inputs.openAfter.length > 1) {
    diagnostics.error(arrow.position, 'at most one expandable port allowed per connection');
    (inputs.list.length < outputs.list.length ? outputs : inputs).openAfter.length = 0;
  }
  if (arrow.kind === '=>') {
    openLoneElement(from, 'outputs', outputs, inputs);
    openLoneElement(to, 'inputs', inputs, outputs);
  }
  const many = (side: Terminals) => side.list.length > 1 || side.openAfter.length > 0;
  if (many(outputs) && many(inputs) && !checkMany(outputs, inputs, arrow, diagnostics)) {
    for (const terminal of [...outputs.list, ...inputs.list]) damage(scope, terminal);
  }
  const grownOutputs = grow(outputs, inputs.list.length);
  const grownInputs = grow(inputs, outputs.list.length);
  const single = !many(outputs) || !many(inputs);
  const pairs = single
    ? Math.max(grownOutputs.length, grownInputs.length)
    : Math.min(grownOutputs.length, grownInputs.length);
  for (let i = 0; i < pairs; i++) {
    const output = grownOutputs[grownOutputs.length === 1 ? 0 : i]!;
    const input = grownInputs[grownInputs.length === 1 ? 0 : i]!;
    const fromNode = usable(output, 'output', diagnostics);
    const toNode = usable(input, 'input', diagnostics);
    if (fromNode === undefined || toNode === undefined || output.port < 0 || input.port < 0) {
      damage(scope, output);
      damage(scope, input);
      continue;
    }
    scope.connect(
      { node: fromNode, port: output.port, position: output.position },
      { node: toNode, port: input.port, position: input.position },
      arrow.position,
    );
  }
}

function checkMany(outputs: Terminals, inputs: Terminals, arrow: Arrow, diagnostics: Diagnostics): boolean {
  const m = outputs.list.length;
  const n = inputs.list.length;
  const before = diagnostics.errors;
  const error = (message: string) => diagnostics.error(arrow.position, message);
  if (arrow.kind !== '=>') error("syntax error: many-to-many connections require '=>'");
  if (outputs.openAfter.length > 0) {
    if (n < m) error(`connection mismatch: ${m} or more outputs connected to ${n} inputs`);
  } else if (inputs.openAfter.length > 0) {
    if (m < n) error(`connection mismatch: ${m} outputs connected to ${n} or more inputs`);
  } else if (m !== n) error(`connection mismatch: ${m} outputs connected to ${n} inputs`);
  return diagnostics.errors === before;
}

/** Notes that more may be amiss with an element than it seems. */
function damage(scope: Scope, { mention }: Terminal): void {
  const { input, output } = mention.reference;
  for (const node of [input, output]) if (node !== undefined) scope.template.nodes[node]!.damaged = true;
}

/** With `=>`, an element alone on its side and without ports takes as many as the other side has. */
function openLoneElement(mentions: Mention[], ports: 'inputs' | 'outputs', side: Terminals, other: Terminals): void {
  const lone = mentions.length === 1 ? mentions[0]! : undefined;
  if (!lone || lone.syntax[ports] || lone.reference[ports] || side.list.length !== 1 || other.list.length <= 1) return;
  side.openAfter = [0];
}

function grow(side: Terminals, wanted: number): Terminal[] {
  const missing = wanted - side.list.length;
  const after = side.openAfter[0];
  if (after === undefined || missing <= 0) return side.list;
  const last = side.list[after]!;
  const more = Array.from({ length: missing }, (_, i) => ({ ...last, port: last.port < 0 ? -1 : last.port + 1 + i }));
  return [...side.list.slice(0, after + 1), ...more, ...side.list.slice(after + 1)];
}

function terminals(mentions: Mention[], side: Side, diagnostics: Diagnostics): Terminals {
  const result: Terminals = { list: [], openAfter: [] };
  for (const mention of mentions) {
    const { syntax, reference } = mention;
    const listed: PortsSyntax | undefined = syntax[`${side}s`];
    if (listed) {
      for (const { port, position } of listed.ports)
        result.list.push({
          mention,
          position,
          port: typeof port === 'number' ? port : namedPort(reference, port, side, position, diagnostics),
        });
      if (listed.ports.length === 0) result.list.push({ mention, position: listed.position, port: -1 });
      if (listed.open) result.openAfter.push(result.list.length - 1);
    } else {
      // A group is connected with all of its ports, anything else with its first.
      const ports = reference[`${side}s`] || 1;
      for (let port = 0; port < ports; port++) result.list.push({ mention, port, position: syntax.position });
    }
  }
  return result;
}

function namedPort(
  reference: Reference,
  port: string,
  side: Side,
  position: Terminal['position'],
  diagnostics: Diagnostics,
): number {
  const { type } = reference;
  if (type?.kind === 'unknown') return -1;
  const names = type?.kind === 'primitive' ? type.class[`${side}s`] : [];
  const index = names === 'any' ? -1 : names.indexOf(port);
  if (index < 0)
    diagnostics.error(position, `'${reference.name}' has no ${side} named '${port}' (${available(type, names, side)})`);
  return index;
}

function available(type: Type | undefined, names: readonly string[] | 'any', side: Side): string {
  if (type?.kind !== 'primitive') return `only elements that are not compound have named ${side}s`;
  if (names === 'any') return `its ${side}s have numbers`;
  if (names.length === 0) return `it has no ${side}s`;
  const quoted = names.map((name) => `'${name}'`);
  return quoted.length === 1 ? `its ${side} is ${quoted[0]}` : `its ${side}s are ${quoted.join(', ')}`;
}

/** The node at a terminal. The pseudoelement `input` has only outputs, and `output` only inputs. */
function usable({ mention, position }: Terminal, side: Side, diagnostics: Diagnostics): number | undefined {
  const { reference } = mention;
  const node = reference[side];
  if (node === undefined) {
    const other = side === 'input' ? 'output' : 'input';
    diagnostics.error(position, `'${reference.owner}' pseudoelement '${reference.name}' may only be used as ${other}`);
  }
  return node;
}
