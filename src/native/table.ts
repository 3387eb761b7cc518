/**
 * The hash table for per-packet state. Use it through src/packet/table.ts, which makes the memory. Every call throws
 * a TypeError if the memory does not hold a table, and a RangeError if an array is too short for n.
 */
export interface TableNative {
  /** Bytes of memory that a table needs. */
  tableBytes(keyWords: number, valueWords: number, capacity: number): number;
  /** Makes an empty table in memory that is all zero. The seed has 16 bytes. */
  tableCreate(memory: Uint8Array, keyWords: number, valueWords: number, capacity: number, seed: Uint8Array): void;
  /** Looks n keys up: slots[i] becomes a slot or -1. Returns how many were found. */
  tableLookup(
    memory: Uint8Array,
    keys: Uint32Array,
    n: number,
    now: number,
    timeout: number,
    slots: Int32Array,
  ): number;
  /** Finds or inserts n keys: fresh[i] is 1 where the key is new, slots[i] -1 where it was refused. Returns how many are new. */
  tableUpsert(
    memory: Uint8Array,
    keys: Uint32Array,
    n: number,
    now: number,
    timeout: number,
    forgetOldest: boolean,
    slots: Int32Array,
    fresh: Uint8Array,
  ): number;
  /** Removes the entry of a slot. False if it holds none. */
  tableRemove(memory: Uint8Array, slot: number): boolean;
  /** Removes what has expired from the next `budget` buckets of 14 places. Returns how many entries. */
  tableSweep(memory: Uint8Array, now: number, timeout: number, budget: number): number;
}
