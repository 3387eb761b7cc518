import { Batch } from '../packet/batch.js';
import type { AnyElement } from './element.js';
import type { Counter } from './stats.js';

/**
 * A connection from one output to one input. It holds the rows on their way and counts what has passed.
 * An element fills it; the engine hands it to the element at the other end and empties it.
 */
export class Link extends Batch {
  readonly from: { readonly element: AnyElement; readonly port: number };
  readonly to: { readonly element: AnyElement; readonly port: number };
  readonly packets: Counter;
  readonly bytes: Counter;

  constructor(from: Link['from'], to: Link['to'], packets: Counter, bytes: Counter) {
    super();
    this.from = from;
    this.to = to;
    this.packets = packets;
    this.bytes = bytes;
  }

  /** Delivers the rows that wait, and counts them. */
  flush(): void {
    this.packets.add(this.count);
    this.bytes.add(this.to.element.packets.lengthOf(this));
    this.to.element.push(this, this.to.port);
    this.count = 0;
  }
}
