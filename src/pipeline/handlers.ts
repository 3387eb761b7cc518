import type { AnyElement, HandlerFunctions } from './element.js';
import type { Link } from './link.js';

/** A handler could not be found, or does not do what was asked. The code is the control protocol's. */
export class HandlerError extends Error {
  readonly code: 510 | 511 | 520 | 530;

  constructor(code: HandlerError['code'], message: string) {
    super(message);
    this.code = code;
  }
}

interface Graph {
  readonly elements: readonly AnyElement[];
  readonly links: readonly Link[];
}

/**
 * What can be read and written by name while a graph runs: `c.count`, `3.config` (elements by number, from 1), or a
 * global handler such as `list`. Every element has class, name, config, ports and handlers besides its own.
 */
export class Handlers {
  private readonly graph: Graph;
  private readonly byName: ReadonlyMap<string, AnyElement>;
  private readonly globals = new Map<string, HandlerFunctions>();

  constructor(graph: Graph) {
    this.graph = graph;
    this.byName = new Map(graph.elements.map((element) => [element.name, element]));
    this.define('list', { read: () => this.list() });
    this.define('handlers', { read: () => lines([...this.globals].map(describe)) });
  }

  /** Adds a global handler. */
  define(name: string, functions: HandlerFunctions): void {
    this.globals.set(name, functions);
  }

  /** The number of elements, then a name a line. */
  list(): string {
    return lines([String(this.graph.elements.length), ...this.byName.keys()]);
  }

  /**
   * @param call the name, and after a space what the handler is to be told, as in `farm.tree 7`
   * @throws {HandlerError} if there is no such handler, or it cannot be read.
   */
  read(call: string): string {
    const [, name, argument] = /^(\S*)\s*(.*)$/s.exec(call)!;
    const { read } = this.find(name!);
    if (!read) throw new HandlerError(530, `Handler '${name}' write-only`);
    return attempt(() => read(argument!));
  }

  /** @throws {HandlerError} if there is no such handler, it cannot be written, or not this value. */
  write(name: string, value: string): void {
    const { write } = this.find(name);
    if (!write) throw new HandlerError(530, `Handler '${name}' read-only`);
    attempt(() => write(value));
  }

  /** 'r', 'w' or 'rw'; undefined if there is no such handler. */
  flags(name: string): string | undefined {
    try {
      return flags(this.find(name));
    } catch {
      return undefined;
    }
  }

  private find(name: string): HandlerFunctions {
    // A name of an element may hold slashes, but never a dot.
    const dot = name.indexOf('.');
    const [owner, handler] = dot < 0 ? ['', name] : [name.slice(0, dot), name.slice(dot + 1)];
    if (owner === '') {
      const found = this.globals.get(handler);
      if (!found) throw new HandlerError(511, `No handler named '${name}'`);
      return found;
    }
    const element = /^\d+$/.test(owner) ? this.graph.elements[Number(owner) - 1] : this.byName.get(owner);
    if (!element) throw new HandlerError(510, `No element named '${owner}'`);
    const all = this.of(element);
    const found = Object.hasOwn(all, handler) ? all[handler] : undefined;
    if (!found) throw new HandlerError(511, `No handler named '${name}'`);
    return found;
  }

  private of(element: AnyElement): Record<string, HandlerFunctions> {
    const all: Record<string, HandlerFunctions> = {
      class: { read: () => element.className },
      name: { read: () => element.name },
      config: { read: () => element.configText },
      ports: { read: () => this.ports(element) },
      handlers: { read: () => lines(Object.entries(all).map(describe)) },
      ...element.handlers(),
    };
    return all;
  }

  private ports(element: AnyElement): string {
    const side = (word: string, near: 'from' | 'to', far: 'from' | 'to') => {
      const links = this.graph.links.filter((link) => link[near].element === element);
      const count = links.reduce((most, link) => Math.max(most, link[near].port + 1), 0);
      return [
        `${count} ${word}${count === 1 ? '' : 's'}`,
        ...Array.from({ length: count }, (_, port) => {
          const peers = links.filter((link) => link[near].port === port).map((link) => link[far]);
          return `push\t-\t${peers.map((peer) => `${peer.element.name} [${peer.port}]`).join(', ')}`;
        }),
      ];
    };
    return lines([...side('input', 'to', 'from'), ...side('output', 'from', 'to')]);
  }
}

const flags = ({ read, write }: HandlerFunctions): string => (read ? 'r' : '') + (write ? 'w' : '');

const describe = ([name, functions]: [string, HandlerFunctions]): string => `${name}\t${flags(functions)}`;

const lines = (list: readonly string[]): string => list.map((line) => `${line}\n`).join('');

function attempt<T>(call: () => T): T {
  try {
    return call();
  } catch (error) {
    throw error instanceof HandlerError ? error : new HandlerError(520, (error as Error).message);
  }
}
