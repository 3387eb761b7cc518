import type { Packets } from '../../packet/packets.js';
import { PROTOCOL } from '../../packet/protocol.js';

/**
 * Which universe has begun a flow towards the outside in this turn. The flow table knows of it when the turn is over; until
 * then two universes could both begin the same one, and the answers would reach one of them alone.
 */
export class Claims {
  private readonly packets: Packets;
  private readonly owners = new Map<string, number>();

  constructor({ packets }: { readonly packets: Packets }) {
    this.packets = packets;
  }

  /** Claims the flow of a row for its universe. False if another universe has it. */
  take(row: number): boolean {
    const universe = this.packets.universe[row]!;
    const key = this.keyOf(row);
    const owner = this.owners.get(key) ?? universe;
    this.owners.set(key, owner);
    return owner === universe;
  }

  /** The same for both directions, as in the flow table. */
  private keyOf(row: number): string {
    const { src, dst, sport, dport, proto } = this.packets;
    const ends = [`${src[row]}:${sport[row]}`, `${dst[row]}:${dport[row]}`];
    // Of an echo the identifier is in dport, whichever way it goes.
    if (proto[row] === PROTOCOL.icmp) return [proto[row], dport[row], ...[src[row], dst[row]].sort()].join();
    return [proto[row], ...ends.sort()].join();
  }

  /** The turn is over. */
  clear(): void {
    if (this.owners.size > 0) this.owners.clear();
  }
}
