import { quote } from './quote.js';
import type { Class, FlatConnection, FlatGraph } from './read.js';

type Classes = (name: string) => Class | undefined;

/**
 * A flat graph as Click text, which reads back to the same graph: requirements, then the elements in order, then the
 * connections, chained where one goes on from where another ends. Ports of a class that has several on that side go by name.
 */
export function unparse(graph: FlatGraph, findClass: Classes): string {
  const requirements = graph.requirements.map(
    ({ type, value }) => `require(${value === '' ? type : `${type} ${word(value)}`});\n`,
  );
  const elements = graph.elements.map(
    ({ name, class: type, config }) => `${name} :: ${type}${config && `(${config})`};\n`,
  );
  const chains = chain(graph.connections).map((connections) => `${unparseChain(graph, connections, findClass)};\n`);
  return [requirements, elements, chains]
    .filter((section) => section.length > 0)
    .map((section) => section.join(''))
    .join('\n');
}

function word(text: string): string {
  return /^[A-Za-z0-9_./-]+$/.test(text) ? text : quote(text);
}

/** Takes connections in order; each goes on with the first one left that comes from where it went. */
function chain(connections: FlatConnection[]): FlatConnection[][] {
  const leaving = new Map<number, { connection: FlatConnection; taken: boolean }[]>();
  const links = connections.map((connection) => ({ connection, taken: false }));
  for (const link of links) {
    const { element } = link.connection.from;
    const list = leaving.get(element);
    if (list) list.push(link);
    else leaving.set(element, [link]);
  }
  const nextFree = new Map<number, number>();
  const takeFrom = (element: number): FlatConnection | undefined => {
    const list = leaving.get(element) ?? [];
    let i = nextFree.get(element) ?? 0;
    while (list[i]?.taken) i++;
    nextFree.set(element, i + 1);
    const link = list[i];
    if (!link) return undefined;
    link.taken = true;
    return link.connection;
  };
  const chains: FlatConnection[][] = [];
  for (const link of links) {
    if (link.taken) continue;
    link.taken = true;
    const one = [link.connection];
    for (let next = takeFrom(link.connection.to.element); next; next = takeFrom(next.to.element)) one.push(next);
    chains.push(one);
  }
  return chains;
}

function unparseChain(graph: FlatGraph, connections: FlatConnection[], findClass: Classes): string {
  let text = graph.elements[connections[0]!.from.element]!.name;
  for (const { from, to } of connections) {
    const source = graph.elements[from.element]!;
    const target = graph.elements[to.element]!;
    const output = port(findClass(source.class)?.outputs, from.port);
    const input = port(findClass(target.class)?.inputs, to.port);
    text += `${output && ` ${output}`} -> ${input && `${input} `}${target.name}`;
  }
  return text;
}

function port(names: readonly string[] | 'any' | undefined, number: number): string {
  const name = names !== undefined && names !== 'any' && names.length > 1 ? names[number] : undefined;
  if (name !== undefined) return `[${name}]`;
  return number === 0 ? '' : `[${number}]`;
}
