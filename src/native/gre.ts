/**
 * GRE (RFC 2784, RFC 2890). Both take the bytes of a packet table, a list of rows and a tunnel that was made by
 * makeTunnel() of src/packet/tunnel.ts, and write the column `fault`. Faulty rows stay as they were.
 */
export interface GreNative {
  /**
   * Moves start and length to the inner packet; sets key and tunnel. The inner packet is not looked at. Returns the bytes
   * of all rows or, if some are faulty, minus their number.
   */
  greDecapsulate(packets: Uint8Array, rows: Uint16Array, count: number, tunnel: Uint32Array): number;
  /** Prepends the outer headers; the columns then describe the outer packet. Returns how many rows are faulty. */
  greEncapsulate(packets: Uint8Array, rows: Uint16Array, count: number, tunnel: Uint32Array): number;
}
