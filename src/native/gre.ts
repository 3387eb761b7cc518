/**
 * GRE (RFC 2784, RFC 2890). Both take the bytes of a packet table, a list of rows and a tunnel that was made by
 * makeTunnel() of src/packet/tunnel.ts, write the column `fault`, and return how many of the rows are faulty. Faulty rows
 * stay as they were.
 */
export interface GreNative {
  /** Moves start and length to the inner packet; sets key and tunnel. The inner packet is not looked at. */
  greDecapsulate(packets: Uint8Array, rows: Uint16Array, count: number, tunnel: Uint32Array): number;
  /** Prepends the outer headers; the columns then describe the outer packet. */
  greEncapsulate(packets: Uint8Array, rows: Uint16Array, count: number, tunnel: Uint32Array): number;
}
