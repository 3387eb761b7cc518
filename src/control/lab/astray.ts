import { type Prefix, parsePrefix, prefixMask } from '../../packet/address.js';
import type { Packets } from '../../packet/packets.js';
import { ADDRESSES } from './layout.js';

const dark = parsePrefix(ADDRESSES.dark)!;
const internet = parsePrefix(ADDRESSES.internet)!;

const holds = ({ address, length }: Prefix, other: number) => (other & prefixMask(length)) >>> 0 === address;

/** Whether a packet that came out of the tunnel is not from the telescope to the attacker. In the world it would have been a leak. */
export function isAstray({ view, start }: Packets, row: number): boolean {
  const at = start[row]!;
  return !holds(dark, view.getUint32(at + 12)) || !holds(internet, view.getUint32(at + 16));
}
