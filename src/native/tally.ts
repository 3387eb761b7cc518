/** The quotas' counting. Use it through src/farm/policy/counters.ts. */
export interface TallyNative {
  /**
   * Counts the packets of some rows, one after the other, each if all meters have room for it; paid[row] becomes 1 if it
   * was counted, else 0. Throws a TypeError or RangeError if an argument is not as described.
   * @param slots for each of the rows listed, which row of `values` is its key's; -1 for none, which has no room
   * @param now seconds
   * @param values rows of `width` numbers: for each meter when its window ends, and what was counted in it
   * @param meters for each its column, 1 if it counts bytes or 0 for packets, the seconds of a window, and the most
   */
  tally(
    packets: Uint8Array,
    rows: Uint16Array,
    count: number,
    slots: Int32Array,
    now: number,
    values: Float64Array,
    width: number,
    meters: Float64Array,
    paid: Uint8Array,
  ): void;
}
