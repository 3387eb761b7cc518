/** The classifier's loop. Use it through src/packet/pattern/classifier.ts. */
export interface ClassifyNative {
  /**
   * Runs a program (src/packet/pattern/program.ts) from the word `first` on the first `count` rows. results[i] becomes the
   * number of the first pattern that rows[i] matches. A program that is none gives 65535. Throws a TypeError or RangeError
   * if an argument is not as described.
   */
  classify(
    packets: Uint8Array,
    rows: Uint16Array,
    count: number,
    program: Int32Array,
    first: number,
    results: Uint16Array,
  ): void;

  /** The same by a table (src/packet/pattern/decision-table.ts). A table that is none gives any results. */
  decide(packets: Uint8Array, rows: Uint16Array, count: number, table: Uint32Array, results: Uint16Array): void;
}
