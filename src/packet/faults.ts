/**
 * Why a packet is broken. Native code writes the number into the `fault` column; elements turn it into a drop
 * with this name. The order is the numbering, so new faults go to the end. `npm run generate` writes it to
 * native/columns.h.
 */
export const FAULTS = {
  none: 'sound',
  // framing
  'link-truncated': 'shorter than its link-layer header',
  'not-ipv4': 'its link-layer header announces something other than IPv4',
  'captured-short': 'the capture holds fewer bytes than the IPv4 header promises',
  oversize: 'longer than a packet slot',
  // IPv4 (RFC 791, RFC 1122 3.2.1)
  'ip-truncated': 'shorter than an IPv4 header',
  'ip-version': 'the version is not 4',
  'ip-header-length': 'the header length is below 20 bytes or beyond the packet',
  'ip-total-length': 'the total length is below the header length or beyond the packet',
  'ip-checksum': 'the IPv4 header checksum is wrong',
  'ip-options': 'an IPv4 option runs past the header, or has an impossible length',
  'ip-fragment':
    'a fragment that ends beyond 65,535 bytes, a middle one whose length is not a multiple of 8, or one that overlaps TCP flags',
  // transport (RFC 768, 792, 9293)
  'transport-truncated': 'shorter than its TCP, UDP or ICMP header',
  'tcp-header-length': 'the TCP data offset is below 20 bytes or beyond the packet',
  'udp-length': 'the UDP length is below 8 or beyond the packet',
  'transport-checksum': 'the TCP, UDP or ICMP checksum is wrong',
  // GRE (RFC 2784, RFC 2890, RFC 1701, RFC 2637)
  'not-gre': 'the outer IPv4 protocol is not 47',
  'outer-fragment': 'a fragment of a tunnel packet; the tunnel must not fragment',
  'gre-truncated': 'shorter than its GRE header with the options its flags announce',
  'gre-version': 'a GRE version above 1',
  'gre-pptp': 'enhanced GRE, version 1 (PPTP, RFC 2637)',
  'gre-routing': 'RFC 1701 source routing',
  'gre-reserved': 'a reserved GRE flag bit is set that RFC 2784 2.3 says to discard',
  'gre-protocol': 'the GRE payload is not IPv4',
  'gre-checksum': 'the GRE checksum is wrong',
  'gre-key': 'the GRE key is missing, or not one this tunnel was given',
  'gre-sequence': 'a GRE sequence number older than one already seen (RFC 2890 2.2)',
  'gre-peer': 'the outer addresses are not those of the tunnel',
} as const;

export type FaultName = keyof typeof FAULTS;

/** Fault names by number. */
export const FAULT_NAMES = Object.keys(FAULTS) as FaultName[];

/** Fault numbers by name. */
export const FAULT = Object.fromEntries(FAULT_NAMES.map((name, number) => [name, number])) as Record<FaultName, number>;

/** What receiving a packet, live or from a capture, may find. */
export const RECEIVE_FAULTS = ['link-truncated', 'not-ipv4', 'captured-short', 'oversize', 'ip-truncated'] as const;

/** What an IPv4 header may be found to be, the outer one of a tunnel as well. */
export const HEADER_FAULTS = [
  'ip-truncated',
  'ip-version',
  'ip-header-length',
  'ip-total-length',
  'ip-checksum',
  'ip-options',
] as const;

/** What checking a packet may find. */
export const CHECK_FAULTS = [
  ...HEADER_FAULTS,
  'ip-fragment',
  'transport-truncated',
  'tcp-header-length',
  'udp-length',
  'transport-checksum',
] as const;

/** What taking a packet out of GRE may find. */
export const DECAPSULATION_FAULTS = [
  ...HEADER_FAULTS,
  'not-gre',
  'outer-fragment',
  'gre-truncated',
  'gre-version',
  'gre-pptp',
  'gre-routing',
  'gre-reserved',
  'gre-protocol',
  'gre-checksum',
  'gre-key',
  'gre-sequence',
  'gre-peer',
] as const;
