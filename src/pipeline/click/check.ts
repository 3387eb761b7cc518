/** Checks that need only the ports of each class: that they exist, are all in use, and no output is used twice. */
import type { Diagnostics, Position } from './diagnostics.js';
import type { Flat, FlatNode } from './flatten.js';
import { type Joined, portKey } from './join.js';
import type { Class } from './read.js';

type Side = 'input' | 'output';

/** `complete` stands for a file of which no part was lost to a syntax error: only there can a port be said to be unused. */
export function checkPorts(flat: Flat, joined: Joined[], complete: boolean, diagnostics: Diagnostics): void {
  const { nodes, wires } = flat;
  for (const { from, to } of joined) {
    checkExists(nodes[from.node]!, 'output', from.port, from.position, diagnostics);
    checkExists(nodes[to.node]!, 'input', to.port, to.position, diagnostics);
  }
  checkReuse(nodes, joined, diagnostics);
  if (!complete) return;
  // A wire that leads nowhere has been reported where it ends, if anything was.
  checkUnused(nodes, wires, diagnostics);
  if (diagnostics.errors === 0) checkUnused(nodes, joined, diagnostics);
}

/** The ports a class declares, or undefined if it takes any number. */
function portsOf(node: FlatNode, side: Side): readonly string[] | undefined {
  const ports = node.class?.[`${side}s`];
  return ports === 'any' ? undefined : ports;
}

function checkExists(node: FlatNode, side: Side, port: number, position: Position, diagnostics: Diagnostics): void {
  const ports = portsOf(node, side);
  if (ports && port >= ports.length)
    diagnostics.error(position, `'${node.name}' has no ${side} ${port}`, `${node.localName} ${side} ${port}`);
}

function checkReuse(nodes: FlatNode[], joined: Joined[], diagnostics: Diagnostics): void {
  for (const [i, wire] of joined.entries()) {
    const before = joined[i - 1];
    const { node: index, port } = wire.from;
    if (before?.from.node !== index || before.from.port !== port) continue;
    const node = nodes[index]!;
    if (!node.class) continue;
    diagnostics.error(
      wire.position,
      `illegal reuse of '${node.name}' push output ${port}`,
      `reuse ${node.localName} ${port}`,
    );
    if (before.position === wire.position) continue;
    diagnostics.error(
      before.position,
      `'${node.name}' output ${port} previously used here`,
      `use ${node.localName} ${port}`,
    );
  }
}

function checkUnused(nodes: FlatNode[], wires: Joined[], diagnostics: Diagnostics): void {
  const used = { input: new Set<number>(), output: new Set<number>() };
  const counts = { input: new Map<number, number>(), output: new Map<number, number>() };
  const use = (side: Side, node: number, port: number) => {
    used[side].add(portKey(node, port));
    counts[side].set(node, Math.max(counts[side].get(node) ?? 0, port + 1));
  };
  for (const { from, to } of wires) {
    use('output', from.node, from.port);
    use('input', to.node, to.port);
  }
  for (const [index, node] of nodes.entries()) {
    if (!node.class || node.damaged) continue;
    for (const side of ['input', 'output'] as const) {
      const highest = counts[side].get(index) ?? 0;
      const count = portsOf(node, side)?.length ?? highest;
      // Whoever named a port that is not there meant one that is.
      if (highest > count) continue;
      for (let port = 0; port < count && !diagnostics.full; port++) {
        if (used[side].has(portKey(index, port)) || isOptional(node.class, side, port)) continue;
        diagnostics.error(
          node.position,
          `'${node.name}' ${side} ${port} unused`,
          `unused ${node.localName} ${side} ${port}`,
        );
      }
    }
  }
}

function isOptional(type: Class, side: Side, port: number): boolean {
  const names = type[`${side}s`];
  const optional = type[side === 'input' ? 'optionalInputs' : 'optionalOutputs'];
  return names !== 'any' && optional !== undefined && optional.includes(names[port]!);
}
