import { oneLine } from '../control/narrate.js';
import type { TreeNode } from '../farm/capture-record.js';
import type { CauseLine } from '../farm/cause.js';
import type { UniverseTree } from '../farm/listing.js';

const PROTOCOLS: Readonly<Record<number, string>> = { 1: 'icmp', 6: 'tcp', 17: 'udp' };

/** `tcp SYN from 10.99.66.1:1024 to port 445, reflect by reflect.policy:12` */
function causeText({ source, proto, sport, dport, flags, icmp, rule, verdict }: CauseLine): string {
  const what = [
    PROTOCOLS[proto] ?? `protocol ${proto}`,
    ...(flags ? [flags] : []),
    ...(icmp === null ? [] : [`type ${icmp}`]),
  ];
  const ends = sport === null ? `from ${source}` : `from ${source}:${sport} to port ${dport}`;
  return `${what.join(' ')} ${ends}${rule === null ? '' : `, ${verdict} by ${rule}`}`;
}

/** What became of a clone. */
function fateText({ state, ended, ending, reason }: TreeNode): string {
  return ended === null ? state : `ended ${ended} (${ending}): ${reason}`;
}

const nameText = ({ address, clone, image, born }: TreeNode): string =>
  `${address}, clone ${clone}, ${image}, born ${born}`;

interface Branch {
  readonly node: TreeNode;
  readonly children: readonly Branch[];
}

/** The branches of a tree. Clones whose caller is forgotten stand with those that the outside called. */
function branches(tree: readonly TreeNode[]): Branch[] {
  const made = new Map(tree.map((node) => [node.clone, { node, children: [] as Branch[] }]));
  const roots: Branch[] = [];
  for (const branch of made.values()) (made.get(branch.node.parent ?? 0)?.children ?? roots).push(branch);
  return roots;
}

/** A universe and its tree for people: each clone with what called for it and what became of it. */
export function treeText(universe: UniverseTree): string {
  const { kind, source, target, born, ended, clones, made, depth } = universe;
  const lines = [
    `universe ${universe.universe}, ${kind}, begun by ${source} contacting ${target} at ${born}${ended === null ? '' : `, ended ${ended}`}`,
    `${clones} of ${made} clones exist, depth ${depth}`,
  ];
  const grow = (list: readonly Branch[], indent: string): void => {
    for (const [i, { node, children }] of list.entries()) {
      const last = i === list.length - 1;
      const under = `${indent}${last ? '   ' : '│  '}${children.length > 0 ? '│  ' : '   '}`;
      lines.push(`${indent}${last ? '└─' : '├─'} ${nameText(node)}`);
      lines.push(
        `${under}${causeText(node.cause)}${isOrphan(node) ? `; its caller, clone ${node.parent}, is forgotten` : ''}`,
      );
      lines.push(
        `${under}${fateText(node)}${node.opened > 0 ? `; opened ${node.opened}` : ''}${node.score > 0 ? `; score ${node.score}` : ''}`,
      );
      grow(children, `${indent}${last ? '   ' : '│  '}`);
    }
  };
  const known = new Set(universe.tree.map(({ clone }) => clone));
  const isOrphan = ({ parent }: TreeNode) => parent !== null && !known.has(parent);
  grow(branches(universe.tree), '');
  for (const { source, target, since, flows } of universe.joined)
    lines.push(`joined by ${source}, first at ${target} at ${since}: ${flows} flows`);
  const rest = [
    [universe.strangers, 'flows of others who joined are not listed'],
    [universe.forgotten, 'clones that are gone are forgotten'],
    ...Object.entries(universe.refused).map(
      ([limit, count]) => [count, `packets called for no clone: ${limit}`] as const,
    ),
  ] as const;
  for (const [count, what] of rest) if (count > 0) lines.push(`${count} ${what}`);
  return lines.map((line) => `${oneLine(line)}\n`).join('');
}

/** Lines of a label, as Graphviz reads them. */
const label = (...lines: string[]): string =>
  `"${lines
    .filter((line) => line !== '')
    .map((line) => oneLine(line).replace(/["\\]/g, '\\$&'))
    .join('\\n')}"`;

/** The tree in Graphviz's language: who called whom, by what, and which rule let it. */
export function treeDot({ universe, kind, source, tree, joined }: UniverseTree): string {
  const known = new Set(tree.map(({ clone }) => clone));
  const lines = tree.flatMap(({ clone, address, image, parent, state, ended, cause }) => {
    const caller = parent === null ? `s${cause.source}` : `c${parent}`;
    const by = causeText({ ...cause, rule: null });
    const licence = cause.rule === null ? '' : `${cause.verdict} by ${cause.rule}`;
    return [
      `"c${clone}" [label=${label(address, `clone ${clone}, ${image}`, state)}${ended === null ? '' : ', style="rounded,dashed"'}];`,
      ...(parent === null ? [`"${caller}" [label=${label(cause.source)}, shape=plain];`] : []),
      ...(parent === null || known.has(parent) ? [] : [`"${caller}" [label=${label(`clone ${parent}, forgotten`)}];`]),
      `"${caller}" -> "c${clone}" [label=${label(by, licence)}];`,
    ];
  });
  for (const { source, flows } of joined)
    lines.push(`"j${source}" [label=${label(source, `${flows} flows`)}, shape=plain];`);
  return `digraph universe {
  graph [rankdir=LR, fontname=Courier, fontsize=11, label=${label(`universe ${universe}, ${kind}, begun by ${source}`)}];
  node [shape=box, style=rounded, fontname=Courier, fontsize=10];
  edge [fontname=Courier, fontsize=8, color="#59636e"];
  ${lines.join('\n  ')}
}
`;
}
