/**
 * Where the fields of an IPv4 packet without options lie, in the words of nft: `@nh,BIT,BITS`, counted from the outermost
 * IPv4 header. Raw, since nft has no words for what lies in a tunnel.
 * @param at the packet's first byte
 */
export function headerAt(at: number) {
  const field = (byte: number, bits: number) => `@nh,${(at + byte) * 8},${bits}`;
  return {
    /** Version and header length: 0x45. */
    start: field(0, 8),
    total: field(2, 16),
    id: field(4, 16),
    /** A reserved bit, DF, MF, and the offset in units of 8 bytes. */
    fragment: field(6, 16),
    proto: field(9, 8),
    src: field(12, 32),
    dst: field(16, 32),
    sport: field(20, 16),
    dport: field(22, 16),
    tcpFlags: field(33, 8),
    icmpType: field(20, 8),
    /** The identifier of an ICMP echo, or its reply. */
    echoId: field(24, 16),
    /** The first byte of what an ICMP error quotes. */
    quoted: at + 28,
    /** The flags and the protocol of a GRE header, and 32 bits of its options. */
    gre: field(20, 32),
    greOption: (number: number) => field(24 + 4 * number, 32),
  };
}

export type Header = ReturnType<typeof headerAt>;

/** Bytes of an IPv4 header without options, and of a GRE header without options and of each option. */
export const IP_HEADER = 20;
export const GRE_HEADER = 4;
export const GRE_OPTION = 4;

/** GRE flags (RFC 2784, RFC 2890), in the first 16 of the 32 bits that end with the protocol. */
export const GRE = { checksum: 0x8000, key: 0x2000, sequence: 0x1000 } as const;
