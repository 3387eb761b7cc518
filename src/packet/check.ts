import { native } from '../native/addon.js';
import { CHECK } from '../native/ip.js';
import type { Batch } from './batch.js';
import type { Packets } from './packets.js';

/**
 * Verifies IPv4, and if asked for its transports, and fills the columns that headers are read into. Writes `fault`.
 * @returns the bytes of the batch or, if rows are faulty, minus their number.
 */
export function checkHeaders(packets: Packets, batch: Batch, transport: boolean): number {
  return native.ipCheck(packets.bytes, batch.rows, batch.count, transport ? CHECK.transport : CHECK.headers);
}
