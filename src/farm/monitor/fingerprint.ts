import { createHash } from 'node:crypto';
import type { Packets } from '../../packet/packets.js';

/** Bytes that a row carries beyond its headers, at most so many. Good until the row is gone. */
export function payloadOf(packets: Packets, row: number, most: number): Uint8Array {
  const start = packets.start[row]!;
  const from = start + packets.payload[row]!;
  return packets.bytes.subarray(from, Math.min(start + packets.length[row]!, from + most));
}

/** The first 64 bits of the SHA-256 of a payload's first bytes: what `head -c 64 | sha256sum` begins with. */
export const fingerprint = (payload: Uint8Array): string =>
  createHash('sha256').update(payload).digest('hex').slice(0, 16);
