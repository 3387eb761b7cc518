/** Flags of ipCheck. `transport`: verify TCP, UDP and ICMP as well, lengths and checksums. */
export const CHECK = { headers: 0, transport: 1 } as const;

/**
 * IPv4 and its transports. All take the bytes of a packet table and a list of rows, write the column `fault`, and return
 * how many of the rows are faulty, if nothing else is said. They throw a TypeError or RangeError if a row or the table is not one.
 */
export interface IpNative {
  /**
   * Verifies IPv4 (RFC 791) and what flags ask for, and writes what the headers say: length (trimmed to the total
   * length), src, dst, proto, ipHeader, fragment, sport, dport, tcpFlags, payload. Returns the bytes of all rows or, if
   * some are faulty, minus their number.
   */
  ipCheck(packets: Uint8Array, rows: Uint16Array, count: number, flags: number): number;
  /**
   * Makes the packets say what the columns src, dst, sport and dport say and updates the checksums by the difference
   * (RFC 1624). Faulty rows are not changed.
   */
  ipRewrite(packets: Uint8Array, rows: Uint16Array, count: number): number;
  /**
   * Exchanges two addresses wherever they stand in the packet of each row, the one that an ICMP error quotes included,
   * and updates the checksums (see native/translate.h). `ones` and `others` hold an address for each row of the list,
   * in host byte order. It is its own inverse. Of the columns only `fault` is written; faulty rows are not changed.
   */
  ipTranslate(packets: Uint8Array, rows: Uint16Array, count: number, ones: Uint32Array, others: Uint32Array): number;
  /** Computes all checksums of packets that were built by hand: IPv4 and TCP, UDP or ICMP. Lengths must be set. */
  ipFinish(packets: Uint8Array, rows: Uint16Array, count: number): number;
}
