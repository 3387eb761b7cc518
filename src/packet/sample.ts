/** The Internet checksum (RFC 1071) of an even number of bytes. */
function checksum(bytes: Uint8Array): number {
  let sum = 0;
  for (let i = 0; i < bytes.length; i += 2) sum += bytes[i]! * 256 + bytes[i + 1]!;
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}

/**
 * A sound packet for sources that are given no data: 64 bytes, UDP from 198.51.100.1 port 1024 to port 9 (discard) of
 * 192.0.2.1. Both addresses are reserved for documentation (RFC 5737).
 */
export function samplePacket(): Uint8Array {
  const packet = Buffer.alloc(64);
  packet.set([0x45, 0, 0, 64, 0, 0, 0, 0, 64, 17, 0, 0, 198, 51, 100, 1, 192, 0, 2, 1]);
  packet.set([4, 0, 0, 9, 0, 44], 20);
  packet.write('potemkin', 28);
  packet.writeUInt16BE(checksum(packet.subarray(0, 20)), 10);
  const pseudo = Buffer.from([0, 17, 0, 44]);
  packet.writeUInt16BE(checksum(Buffer.concat([packet.subarray(12), pseudo])), 26);
  return packet;
}
