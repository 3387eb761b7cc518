/** IPv4 protocol numbers (IANA). */
export const PROTOCOL = { icmp: 1, tcp: 6, udp: 17, gre: 47 } as const;
