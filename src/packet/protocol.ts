/** IPv4 protocol numbers (IANA). */
export const PROTOCOL = { icmp: 1, tcp: 6, udp: 17, gre: 47 } as const;

/** Control bits of a TCP header (RFC 9293 3.1). */
export const TCP_FLAG = { fin: 1, syn: 2, rst: 4, psh: 8, ack: 16, urg: 32 } as const;

/** ICMP types that tell of errors and quote the packet that they are about (RFC 1122 3.2.2). */
export const ICMP_ERRORS: readonly number[] = [3, 4, 5, 11, 12];
