/** What a scan filter decides about a batch. Use it through src/elements/ScanFilter.ts. */
export interface ScansNative {
  /**
   * Finds or begins the scan of each of n rows; admitted[i] becomes 1 if the row's target is one of the first that its scan
   * reaches in a window, else 0. Throws a TypeError if `scans` is not the memory of a table with keys of three words and
   * values of at least two more than targets, and a RangeError if another argument is not as described.
   * @param now ms, and so the window
   * @param targets 0 to 62
   */
  scansAdmit(
    scans: Uint8Array,
    packets: Uint8Array,
    rows: Uint16Array,
    n: number,
    now: number,
    window: number,
    targets: number,
    admitted: Uint8Array,
  ): void;
}
