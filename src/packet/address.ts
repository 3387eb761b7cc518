/** The number (host byte order) of a dotted-quad IPv4 address, undefined if the text is not one. */
export function parseAddress(text: string): number | undefined {
  const match = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(text);
  if (!match) return undefined;
  let value = 0;
  for (let i = 1; i <= 4; i++) {
    const byte = Number(match[i]);
    if (byte > 255) return undefined;
    value = value * 256 + byte;
  }
  return value;
}

export function formatAddress(address: number): string {
  return `${address >>> 24}.${(address >>> 16) & 255}.${(address >>> 8) & 255}.${address & 255}`;
}

/** An IPv4 prefix: the addresses whose first `length` bits are those of `address`. */
export interface Prefix {
  readonly address: number;
  readonly length: number;
}

/** The bits of an address that a prefix of this length fixes. */
export function prefixMask(length: number): number {
  return length === 0 ? 0 : (-1 << (32 - length)) >>> 0;
}

/** Reads `10.99.0.0/16` or a bare address (a /32); undefined if it is neither, or has bits set beyond its length. */
export function parsePrefix(text: string): Prefix | undefined {
  const [head, length, more] = text.split('/');
  const address = parseAddress(head!);
  if (address === undefined || more !== undefined) return undefined;
  if (length === undefined) return { address, length: 32 };
  const bits = /^\d{1,2}$/.test(length) ? Number(length) : 33;
  if (bits > 32 || (address & ~prefixMask(bits)) !== 0) return undefined;
  return { address, length: bits };
}

/** Whether no host can have an address: 0/8, 127/8, 224/4 and 240/4 (RFC 1122 3.2.1.3). */
export function unplayable(address: number): boolean {
  const first = address >>> 24;
  return first === 0 || first === 127 || first >= 224;
}
