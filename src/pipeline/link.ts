import { Batch } from '../packet/batch.js';
import type { Packets } from '../packet/packets.js';
import type { AnyElement, Drop } from './element.js';
import type { ExportStop } from './kill-switch.js';
import type { Counter } from './stats.js';

/**
 * A connection from one output to one input. It holds the rows on their way and counts what has passed.
 * An element fills it; the inlet at the other end empties it.
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

  /** Bytes of the packets on their way. */
  bytesIn(packets: Packets): number {
    return this.sum + packets.lengthOf(this, this.summed);
  }
}

/** What stands in front of an exit. */
export interface Gate {
  readonly killSwitch: ExportStop;
  readonly drop: Drop;
  /** For packets that were to be rewritten, and were not: a graph may lead them past the element that does it. */
  readonly unwritten: Drop;
}

/** Takes out of a batch what is still to be rewritten. */
function dropUnwritten(batch: Batch, rewrite: Uint16Array, drop: Drop): void {
  const { rows, count } = batch;
  let kept = 0;
  for (let i = 0; i < count; i++) {
    const row = rows[i]!;
    if (rewrite[row] === 0) rows[kept++] = row;
    else drop.add(row);
  }
  batch.count = kept;
}

/**
 * An input of an element. What has come by all links to it is delivered at once, link by link, because work is done the
 * quicker the longer a batch is.
 */
export class Inlet {
  readonly element: AnyElement;
  private readonly port: number;
  private readonly links: readonly Link[];
  private readonly gate: Gate | undefined;

  /**
   * @param links those that lead to the same input; at least one
   * @param gate if the element is an exit
   */
  constructor(links: readonly Link[], gate?: Gate) {
    ({ element: this.element, port: this.port } = links[0]!.to);
    this.links = links;
    this.gate = gate;
  }

  /** Rows that wait. */
  get count(): number {
    let sum = 0;
    for (let i = 0; i < this.links.length; i++) sum += this.links[i]!.count;
    return sum;
  }

  /** Delivers the rows that wait, if there are some, and counts them. Those of other links join those of the first. */
  flush(): void {
    const { links, element, gate } = this;
    let batch: Batch | undefined;
    let bytes = 0;
    for (let i = 0; i < links.length; i++) {
      const link = links[i]!;
      if (link.count === 0) continue;
      const added = link.bytesIn(element.packets);
      bytes += added;
      link.packets.add(link.count);
      link.bytes.add(added);
      if (batch) batch.addAll(link);
      else batch = link;
    }
    if (!batch) return;
    if (gate) dropUnwritten(batch, element.packets.rewrite, gate.unwritten);
    if (gate?.killSwitch.stopped) gate.drop.addAll(batch);
    else if (batch.count > 0) element.push(batch, this.port, bytes);
    for (let i = 0; i < links.length; i++) links[i]!.clear();
  }
}
