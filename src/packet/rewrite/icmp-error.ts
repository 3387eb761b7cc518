import type { Packets } from '../packets.js';
import { ICMP_ERRORS, PROTOCOL } from '../protocol.js';
import { type Connection, Connections } from './connections.js';
import { cutQuotation } from './datagram.js';

/** Where the IPv4 header of a TCP segment lies that an ICMP error quotes; -1 if it is none. */
export function quotedTcp(packets: Packets, row: number): number {
  const isError = packets.proto[row] === PROTOCOL.icmp && ICMP_ERRORS.includes(packets.sport[row]! >> 8);
  const at = packets.start[row]! + packets.ipHeader[row]! + 8;
  if (!isError || packets.fragment[row] !== 0 || at + 28 > packets.start[row]! + packets.length[row]!) return -1;
  return packets.bytes[at] === 0x45 && packets.bytes[at + 9] === PROTOCOL.tcp ? at : -1;
}

/**
 * Makes an ICMP error about a segment of a rewritten stream quote what the sender has sent, and nothing behind its headers.
 * @returns why it may not be passed on, if so
 */
export function rewriteError(packets: Packets, row: number, connection: Connection): 'protocol' | 'unsent' | undefined {
  const { view } = packets;
  const quoted = quotedTcp(packets, row);
  if (!cutQuotation(packets, row)) return 'protocol';
  const [src, sport] = [view.getUint32(quoted + 12), view.getUint16(quoted + 20)];
  const [dst, dport] = [view.getUint32(quoted + 16), view.getUint16(quoted + 22)];
  const stream = connection.senders[Connections.end(src, sport, dst, dport)]?.stream;
  if (!stream) return undefined;
  const position = stream.acknowledged(view.getUint32(quoted + 24));
  if (position < stream.acked || position > stream.sent) return 'unsent';
  view.setUint32(quoted + 24, stream.sequenceAt(stream.inputBefore(position, false)));
  return undefined;
}
