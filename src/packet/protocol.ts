/** IPv4 protocol numbers (IANA). */
export const PROTOCOL = { icmp: 1, tcp: 6, udp: 17, gre: 47 } as const;

/** `tcp`, `udp` and so on; `proto 99` for those without a name here. */
export function protocolName(number: number): string {
  return Object.entries(PROTOCOL).find(([, value]) => value === number)?.[0] ?? `proto ${number}`;
}
