import { native } from '../../native/addon.js';
import type { Batch } from '../batch.js';
import type { Packets } from '../packets.js';

/** Writes the columns src, dst, sport and dport into the headers of some rows. Writes `fault`. @returns how many are faulty */
export function writeEnds({ bytes }: Packets, { rows, count }: Batch): number {
  return count === 0 ? 0 : native.ipRewrite(bytes, rows, count);
}

/** Makes all checksums of some rows right. Writes `fault`. @returns how many are faulty */
export function writeChecksums({ bytes }: Packets, { rows, count }: Batch): number {
  return count === 0 ? 0 : native.ipFinish(bytes, rows, count);
}
