import type { FlatElement, FlatGraph } from '../pipeline/click/read.js';
import type { Registry } from '../pipeline/registry.js';
import { portNames } from '../pipeline/spec.js';

interface Colours {
  readonly line: string;
  readonly fill: string;
}

const PLAIN: Colours = { line: '#59636e', fill: '#f6f8fa' };
const ROLES: Readonly<Record<'farm' | 'guard' | 'exit', Colours>> = {
  farm: { line: '#b42318', fill: '#fee4e2' },
  guard: { line: '#1a7f37', fill: '#dafbe1' },
  exit: { line: '#9a6700', fill: '#fff1cc' },
};
/** What the colours mean, as far as the graph has them. */
const LEGEND = { farm: 'clones', guard: 'export policy', exit: 'way out' } as const;

/** All letters of its kind are equally wide, so that boxes fit whichever of them the reader has. */
const FONT = 'Courier';
const FONTS = 'ui-monospace,Menlo,Consolas,DejaVu Sans Mono,monospace';

/** Where packets of clones can be before an export policy has licensed them. */
const UNLICENSED = '#d9857c';

/** Characters of a configuration line, and lines, before it is cut. */
const WIDTH = 36;
const LINES = 4;

const html = (text: string) => text.replace(/[&<>"]/g, (c) => `&#${c.charCodeAt(0)};`);

const cut = (text: string, length: number) => (text.length <= length ? text : `${text.slice(0, length - 1)}…`);

/** A row of ports at an edge of a box: their names, if they have any that tell something. */
function portRow(names: readonly string[] | 'any', used: ReadonlySet<number>, side: 'i' | 'o', colour: string): string {
  const ports =
    names === 'any'
      ? [...used].sort((a, b) => a - b).map((port) => [port, String(port)] as const)
      : names.map((name, port) => [port, name] as const);
  if (ports.length === 0 || (ports.length === 1 && ports[0]![0] === 0)) return '';
  const cells = ports.map(
    ([port, name]) => `<TD PORT="${side}${port}" CELLPADDING="3">${font(html(name), 9, colour)}</TD>`,
  );
  return `<TR><TD CELLPADDING="0"><TABLE BORDER="0" CELLBORDER="0" CELLSPACING="3"><TR>${cells.join('')}</TR></TABLE></TD></TR>`;
}

const font = (markup: string, size: number, colour: string) =>
  `<FONT POINT-SIZE="${size}" COLOR="${colour}">${markup}</FONT>`;

const row = (markup: string, align = 'CENTER') => `<TR><TD ALIGN="${align}">${markup}</TD></TR>`;

function title({ name, class: className }: FlatElement): string {
  const last = name.split('/').at(-1)!;
  return row(last.includes('@') ? `<B>${html(className)}</B>` : `<B>${html(last)}</B> :: ${html(className)}`);
}

function configRows({ arguments: args }: FlatElement): string {
  const lines = args.slice(0, LINES).map(({ text }) => html(cut(text.replace(/\s+/g, ' '), WIDTH)));
  if (args.length > LINES) lines.push('…');
  return lines.map((line) => row(font(line, 9, PLAIN.line))).join('');
}

/** Which connections packets of clones can take before any policy has licensed them. */
function unlicensed(graph: FlatGraph, registry: Registry): Set<number> {
  const role = (element: number) => registry.get(graph.elements[element]!.class)?.spec.containment;
  const licenses = (element: number, port: number) => {
    const guard = role(element);
    const names = registry.find(graph.elements[element]!.class)?.outputs;
    return guard?.role === 'guard' && names !== 'any' && names?.[port] === guard.licenses;
  };
  const taken = new Set<number>();
  const todo: { readonly element: number; readonly port?: number }[] = [...graph.elements.keys()]
    .filter((element) => role(element)?.role === 'farm')
    .map((element) => ({ element }));
  for (const { element, port } of todo) {
    const straight = port !== undefined && registry.get(graph.elements[element]!.class)?.spec.effect === 'straight';
    for (const [i, { from, to }] of graph.connections.entries()) {
      if (from.element !== element || licenses(element, from.port) || taken.has(i)) continue;
      if (straight && from.port !== port) continue;
      taken.add(i);
      todo.push(to);
    }
  }
  return taken;
}

/** Elements by the compounds that they stand in. */
interface Cluster {
  readonly elements: number[];
  readonly inner: Map<string, Cluster>;
}

function clusters(graph: FlatGraph): Cluster {
  const top: Cluster = { elements: [], inner: new Map() };
  for (const [i, { name }] of graph.elements.entries()) {
    let at = top;
    for (const part of name.split('/').slice(0, -1)) {
      if (!at.inner.has(part)) at.inner.set(part, { elements: [], inner: new Map() });
      at = at.inner.get(part)!;
    }
    at.elements.push(i);
  }
  return top;
}

/** A picture of a graph in Graphviz's language: one box an element, coloured by what it is to containment. */
export function drawGraph(graph: FlatGraph, registry: Registry): string {
  const roles = graph.elements.map((element) => registry.get(element.class)?.spec.containment?.role);
  const box = (i: number): string => {
    const element = graph.elements[i]!;
    const { inputs, outputs } = registry.get(element.class)!.spec;
    const { line, fill } = roles[i] ? ROLES[roles[i]] : PLAIN;
    const used = (side: 'from' | 'to') =>
      new Set(graph.connections.filter((each) => each[side].element === i).map((each) => each[side].port));
    const rows = [
      portRow(portNames(inputs), used('to'), 'i', line),
      title(element),
      configRows(element),
      portRow(portNames(outputs), used('from'), 'o', line),
    ];
    const table = `<TABLE BORDER="0" CELLBORDER="0" CELLSPACING="0" CELLPADDING="1">${rows.join('')}</TABLE>`;
    return `n${i} [label=<${table}>, color="${line}", fillcolor="${fill}"];`;
  };
  /** A port is named only where its box shows it. */
  const end = (element: number, port: number, side: 'i' | 'o') => {
    const { inputs, outputs } = registry.get(graph.elements[element]!.class)!.spec;
    const names = portNames(side === 'i' ? inputs : outputs);
    const used = graph.connections
      .map((each) => (side === 'i' ? each.to : each.from))
      .filter((each) => each.element === element);
    const shown = names === 'any' ? used.some((each) => each.port > 0) : names.length > 1;
    return `n${element}${shown ? `:${side}${port}` : ''}:${side === 'i' ? 'n' : 's'}`;
  };
  const risky = unlicensed(graph, registry);
  const draw = ({ elements, inner }: Cluster, path: string, indent: string): string[] => [
    ...elements.map((i) => indent + box(i)),
    ...[...inner].flatMap(([name, cluster]) => [
      `${indent}subgraph "cluster_${path}${name}" {`,
      `${indent}  label=<${html(name)}>; style="rounded,dashed"; color="${PLAIN.line}"; fontcolor="${PLAIN.line}";`,
      ...draw(cluster, `${path}${name}/`, `${indent}  `),
      `${indent}}`,
    ]),
  ];
  const edges = graph.connections.map(({ from, to }, i) => {
    const colour = risky.has(i) ? UNLICENSED : roles[from.element] === 'guard' ? ROLES.guard.line : PLAIN.line;
    return `  ${end(from.element, from.port, 'o')} -> ${end(to.element, to.port, 'i')} [color="${colour}"];`;
  });
  const entries = Object.entries(LEGEND)
    .filter(([role]) => roles.includes(role as keyof typeof LEGEND))
    .map(([role, text]) => [ROLES[role as keyof typeof LEGEND].line, `■ ${text}`]);
  if (risky.size > 0) entries.push([UNLICENSED, '→ packets of clones, not licensed yet']);
  const legend = entries.map(([colour, text]) => row(font(text!, 9, colour!), 'LEFT'));
  return `digraph potemkin {
  graph [fontname="${FONT}", fontsize=10, nodesep=0.35, ranksep=0.45, pad=0.3, bgcolor=white${
    legend.length > 0
      ? `, labelloc=b, labeljust=l, label=<<TABLE BORDER="0" CELLPADDING="1" CELLSPACING="0">${legend.join('')}</TABLE>>`
      : ''
  }];
  node [shape=box, style="rounded,filled", fontname="${FONT}", fontsize=11, margin="0.06,0.04", penwidth=1.2];
  edge [color="${PLAIN.line}", arrowsize=0.7, penwidth=1.2];
${draw(clusters(graph), '', '  ').join('\n')}
${edges.join('\n')}
}
`;
}

/** Draws what `drawGraph` says, as SVG. */
export async function renderSvg(dot: string): Promise<string> {
  // Graphviz is megabytes of WebAssembly: only who wants a picture waits for it.
  const { instance } = await import('@viz-js/viz');
  const svg = (await instance()).renderString(dot, { format: 'svg' });
  return svg.replaceAll(/font-family="Courier[^"]*"/g, `font-family="${FONTS}"`);
}
