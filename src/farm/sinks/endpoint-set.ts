import type { PageClone } from '../pool.js';
import type { Conversation } from './conversations.js';

/** An address of a universe that a sink plays. */
export interface Endpoint {
  readonly universe: number;
  readonly address: number;
  /** Which sink plays it. */
  readonly kind: number;
  readonly memory: PageClone;
  /** By slot of the connection. */
  readonly conversations: (Conversation | undefined)[];
  /** When its first timer is due, Infinity if none is, and when it was talked to last. */
  due: number;
  used: number;
}

const keyOf = (address: number, kind: number) => address * 256 + kind;

/** Endpoints by universe, address and sink, and in the order in which they were talked to last. */
export class EndpointSet {
  private readonly universes = new Map<number, Map<number, Endpoint>>();
  private readonly order = new Set<Endpoint>();

  get size(): number {
    return this.order.size;
  }

  /** The one that was quiet longest comes first. */
  [Symbol.iterator](): IterableIterator<Endpoint> {
    return this.order.values();
  }

  get(universe: number, address: number, kind: number): Endpoint | undefined {
    return this.universes.get(universe)?.get(keyOf(address, kind));
  }

  ofUniverse(id: number): Iterable<Endpoint> {
    return this.universes.get(id)?.values() ?? [];
  }

  add(endpoint: Endpoint): void {
    const { universe, address, kind } = endpoint;
    const known = this.universes.get(universe) ?? new Map<number, Endpoint>();
    known.set(keyOf(address, kind), endpoint);
    this.universes.set(universe, known);
    this.order.add(endpoint);
  }

  /** It is talked to. */
  touch(endpoint: Endpoint, now: number): void {
    this.order.delete(endpoint);
    this.order.add(endpoint);
    endpoint.used = now;
  }

  remove(endpoint: Endpoint): void {
    const { universe, address, kind } = endpoint;
    const known = this.universes.get(universe);
    known?.delete(keyOf(address, kind));
    if (known?.size === 0) this.universes.delete(universe);
    this.order.delete(endpoint);
  }
}
