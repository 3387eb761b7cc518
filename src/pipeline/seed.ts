import { createHash } from 'node:crypto';

/** 16 bytes that follow from the engine's seed, and differ from one purpose to another. */
export function seedBytes(seed: bigint, purpose: string): Uint8Array {
  return createHash('sha256').update(`${seed}:${purpose}`).digest().subarray(0, 16);
}
