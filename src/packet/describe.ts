import { formatAddress } from './address.js';

/** Which facts beyond the usual ones to describe. */
export interface DescribeOptions {
  readonly id?: boolean;
  readonly ttl?: boolean;
  readonly tos?: boolean;
  readonly length?: boolean;
  /** ICMP echo identifier and sequence number are written in the other byte order. */
  readonly swap?: boolean;
}

const PROTOCOLS: Readonly<Record<number, string>> = { 1: 'icmp', 6: 'tcp', 17: 'udp' };

/**
 * One line about an IPv4 packet, in the manner of tcpdump. It looks at the bytes alone, and no further than they go: the
 * packet may be anything.
 */
export function describePacket(bytes: Uint8Array, options: DescribeOptions = {}): string {
  if (bytes.length < 20 || bytes[0]! >> 4 !== 4) return `not an IPv4 packet, ${bytes.length} bytes`;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const header = (bytes[0]! & 15) * 4;
  const length = view.getUint16(2);
  const fragment = view.getUint16(6);
  const proto = bytes[9]!;
  const ends = [formatAddress(view.getUint32(12)), formatAddress(view.getUint32(16))] as const;
  const facts = [
    options.id && `id ${view.getUint16(4)} `,
    options.ttl && `ttl ${bytes[8]} `,
    options.tos && `tos ${bytes[1]} `,
    options.length && `length ${length} `,
  ];
  const later = (fragment & 0x1fff) !== 0;
  const name = PROTOCOLS[proto] ?? `ip-proto-${proto}`;
  const told = later
    ? undefined
    : transport(proto, bytes.subarray(header), length - header, bytes.length, ends, options);
  const body = told ?? `${ends[0]} > ${ends[1]}: ${name}${later || !(proto in PROTOCOLS) ? '' : ' (cut off)'}`;
  const part =
    (fragment & 0x3fff) === 0
      ? ''
      : ` (frag ${view.getUint16(4)}:${length - header}@${(fragment & 0x1fff) * 8}${fragment & 0x2000 ? '+' : ''})`;
  return facts.filter(Boolean).join('') + body + part;
}

/** Addresses, ports and what the transport header says; undefined if the bytes end before it does. */
function transport(
  proto: number,
  bytes: Uint8Array,
  length: number,
  captured: number,
  [src, dst]: readonly [string, string],
  { swap }: DescribeOptions,
): string | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const ports = () => `${src}.${view.getUint16(0)} > ${dst}.${view.getUint16(2)}:`;
  if (proto === 6 && bytes.length >= 20) {
    const flags = bytes[13]!;
    const data = Math.max(0, length - (bytes[12]! >> 4) * 4) + (flags & 1) + ((flags >> 1) & 1);
    const seq = view.getUint32(4);
    const names = [...'SFRPU'].filter((_, i) => flags & [2, 1, 4, 8, 32][i]!).join('') || '.';
    const ack = flags & 16 ? ` ack ${view.getUint32(8)}` : '';
    const end = (seq + data) >>> 0;
    return `${ports()} ${names} ${seq}:${end}(${data},${captured},${length}) ${ack.trimStart()}${ack && ' '}win ${view.getUint16(14)}`;
  }
  if (proto === 17 && bytes.length >= 8) return `${ports()} udp ${view.getUint16(4)}`;
  if (proto === 1 && bytes.length >= 8) {
    const [type, code] = bytes as unknown as readonly [number, number];
    const echo = type === 8 ? 'echo request' : type === 0 ? 'echo reply' : undefined;
    const what = echo
      ? `${echo} (${view.getUint16(4, swap)}, ${view.getUint16(6, swap)})`
      : `type ${type} code ${code}`;
    return `${src} > ${dst}: icmp: ${what}`;
  }
  return undefined;
}
