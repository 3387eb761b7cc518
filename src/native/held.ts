/**
 * Packets that wait for a later turn, in two rings that wrap around: `words` has a word for each column of a packet, and
 * `data` the bytes. Use it through src/packet/held.ts. Both calls throw a TypeError if the rings do not hold what is said of
 * them, or have no room, and a RangeError if rows are not rows.
 */
export interface HeldNative {
  /**
   * Copies rows in behind `held` packets of `bytes` bytes, which begin at number `head` of `words` and place `dataHead` of
   * `data`. Returns the bytes of the packets copied.
   */
  heldPush(
    packets: Uint8Array,
    rows: Uint16Array,
    count: number,
    words: Uint32Array,
    data: Uint8Array,
    head: number,
    held: number,
    dataHead: number,
    bytes: number,
  ): number;
  /** Copies the first `count` of these packets into the rows from `first` on. Returns their bytes. */
  heldPop(
    packets: Uint8Array,
    first: number,
    count: number,
    words: Uint32Array,
    data: Uint8Array,
    head: number,
    held: number,
    dataHead: number,
    bytes: number,
  ): number;
}
