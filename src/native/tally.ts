/** The quotas' counting. Use it through src/farm/policy/counters.ts. */
export interface TallyNative {
  /**
   * Counts the packets of some rows, one after the other, each if all meters of all levels have room for it; paid[row]
   * becomes 1 if it was counted, else 0. Throws a TypeError or RangeError if an argument is not as described.
   * @param now seconds
   * @param levels four parts for each of up to 4 levels, one after the other: `slots`, for each of the rows listed, which row
   *   of `values` is its key's, -1 for none, which has no room (Int32Array); `values`, rows of `width` numbers: for each
   *   meter when its window ends, and what was counted in it (Float64Array); `width`; and `meters`: for each its column,
   *   1 if it counts bytes or 0 for packets, the seconds of a window, and the most (Float64Array)
   */
  tally(
    packets: Uint8Array,
    rows: Uint16Array,
    count: number,
    now: number,
    paid: Uint8Array,
    ...levels: readonly (Int32Array | Float64Array | number)[]
  ): void;
}
