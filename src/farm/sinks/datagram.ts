import type { Packets } from '../../packet/packets.js';
import { PROTOCOL } from '../../packet/protocol.js';
import { checksum, pseudoHeader } from '../simulated/checksum.js';

const HEADER = 8;

/** What a UDP datagram carries, as a copy; or what is wrong with it. */
export function readDatagram(packets: Packets, row: number): Uint8Array | 'malformed' | 'checksum' {
  const at = packets.start[row]! + packets.ipHeader[row]!;
  const length = packets.start[row]! + packets.length[row]! - at;
  const said = length < HEADER ? 0 : packets.view.getUint16(at + 4);
  if (said < HEADER || said > length) return 'malformed';
  const sum = pseudoHeader(packets.src[row]!, packets.dst[row]!, PROTOCOL.udp, said);
  if (packets.view.getUint16(at + 6) !== 0 && checksum(packets.bytes, at, said, sum) !== 0) return 'checksum';
  return packets.bytes.slice(at + HEADER, at + said);
}
