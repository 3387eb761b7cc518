/** The Internet checksum (RFC 1071) of bytes [at, at + length), added to a partial sum; 0 if a stored one is right. */
export function checksum(bytes: Uint8Array, at: number, length: number, sum = 0): number {
  const end = at + length;
  for (let i = at; i + 1 < end; i += 2) sum += (bytes[i]! << 8) | bytes[i + 1]!;
  if (length % 2 === 1) sum += bytes[end - 1]! << 8;
  while (sum > 0xffff) sum = (sum & 0xffff) + Math.floor(sum / 0x10000);
  return ~sum & 0xffff;
}

/** The part of a TCP or UDP checksum that covers the pseudo header (RFC 9293 3.1). */
export function pseudoHeader(src: number, dst: number, protocol: number, length: number): number {
  return (src >>> 16) + (src & 0xffff) + (dst >>> 16) + (dst & 0xffff) + protocol + length;
}
