import type { ColumnName } from '../columns.js';
import type { Packets } from '../packets.js';
import { TCP_FLAG } from '../protocol.js';
import type { Stream } from './stream.js';

/** What identifies a packet to those that come after: the rest of the columns is read from its headers, or is 0. */
const COPIED = [
  ...(['sec', 'nsec', 'src', 'dst', 'key', 'universe', 'flow', 'decision', 'age', 'clone', 'sport', 'dport'] as const),
  ...(['payload', 'image', 'proto', 'tcpFlags', 'ipHeader', 'tunnel', 'flowState', 'verdict', 'paint'] as const),
] satisfies readonly ColumnName[];

/** IPv4 and TCP headers, each with options. */
const LONGEST_HEADERS = 120;

const KEPT_FLAGS = 0xff & ~(TCP_FLAG.fin | TCP_FLAG.psh | TCP_FLAG.syn | TCP_FLAG.urg);

/** The headers of the segment that an end has sent last, with what was acknowledged in it: for segments that nobody sent. */
export class Template {
  private readonly columns = new Float64Array(COPIED.length);
  private readonly headers = new Uint8Array(LONGEST_HEADERS);

  save(packets: Packets, row: number): void {
    for (let i = 0; i < COPIED.length; i++) this.columns[i] = packets[COPIED[i]!][row]!;
    const start = packets.start[row]!;
    const length = packets.payload[row]!;
    for (let i = 0; i < length; i++) this.headers[i] = packets.bytes[start + i]!;
  }

  /** A row with these headers and nothing behind them. @returns -1 if the table has none */
  make(packets: Packets): number {
    const row = packets.take();
    if (row < 0) return -1;
    for (let i = 0; i < COPIED.length; i++) packets[COPIED[i]!][row] = this.columns[i]!;
    // Its number within the turn means nothing in another one.
    packets.flow[row] = 0;
    const start = packets.start[row]!;
    const length = packets.payload[row]!;
    for (let i = 0; i < length; i++) packets.bytes[start + i] = this.headers[i]!;
    return row;
  }
}

/** Makes a row a segment of a stream: output [at, at + length), behind the headers that it has. Checksums are not right after it. */
export function writeSegment(
  packets: Packets,
  row: number,
  stream: Stream,
  at: number,
  length: number,
  flags: number,
): void {
  const { view } = packets;
  const start = packets.start[row]!;
  const tcp = start + packets.ipHeader[row]!;
  const header = packets.payload[row]!;
  view.setUint32(tcp + 4, stream.sequenceOf(at));
  view.setUint8(tcp + 13, flags);
  // A receiver takes an urgent byte out of the stream, which would then hold what was never looked at.
  view.setUint16(tcp + 18, 0);
  packets.tcpFlags[row] = flags;
  const data = flags & TCP_FLAG.syn ? at + 1 : at;
  if (length > 0) stream.unacked.copy(data, length, packets.bytes, start + header);
  packets.length[row] = header + length;
  view.setUint16(start + 2, header + length);
}

/** The flags of a segment without those that belong to one place of the stream. */
export const plainFlags = (flags: number): number => flags & KEPT_FLAGS;
