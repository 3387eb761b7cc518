/** What the oracle reads in a packet, byte by byte, with nothing of the product's. */

export const FLAG = { fin: 1, syn: 2, rst: 4, ack: 16 } as const;

export interface Look {
  readonly src: number;
  readonly dst: number;
  readonly proto: number;
  readonly id: number;
  readonly ttl: number;
  readonly header: number;
  readonly total: number;
  /** In units of 8 bytes, and whether more follow. */
  readonly offset: number;
  readonly more: boolean;
  /** Of TCP and UDP, where the packet is no later fragment; of ICMP its type and code, and the echo identifier. */
  readonly sport: number;
  readonly dport: number;
  readonly flags: number;
  /** What follows the transport header, or the IPv4 header where there is none. */
  readonly payload: Buffer;
}

/** Undefined if it has no whole IPv4 header. */
export function look(packet: Buffer): Look | undefined {
  if (packet.length < 20 || packet[0]! >> 4 !== 4) return undefined;
  const header = (packet[0]! & 15) * 4;
  const total = packet.readUInt16BE(2);
  if (header < 20 || total < header || total > packet.length) return undefined;
  const [proto, word] = [packet[9]!, packet.readUInt16BE(6)];
  const body = packet.subarray(header, total);
  const later = (word & 0x1fff) > 0;
  const at = (offset: number) => (!later && body.length >= offset + 2 ? body.readUInt16BE(offset) : 0);
  const ported = proto === 6 || proto === 17;
  const tcp = proto === 6 && !later && body.length >= 14;
  const transport = later ? 0 : tcp ? Math.max(20, (body[12]! >> 4) * 4) : proto === 17 || proto === 1 ? 8 : 0;
  return {
    src: packet.readUInt32BE(12),
    dst: packet.readUInt32BE(16),
    proto,
    id: packet.readUInt16BE(4),
    ttl: packet[8]!,
    header,
    total,
    offset: word & 0x1fff,
    more: (word & 0x2000) > 0,
    sport: ported || proto === 1 ? at(0) : 0,
    dport: ported ? at(2) : proto === 1 && [0, 8].includes(body[0] ?? 255) ? at(4) : 0,
    flags: tcp ? body[13]! : 0,
    payload: body.subarray(Math.min(transport, body.length)),
  };
}

export const isLater = ({ offset }: Look): boolean => offset > 0;

/** A TCP segment that only begins something. */
export const isSyn = ({ proto, flags }: Look): boolean => proto === 6 && (flags & (FLAG.syn | FLAG.ack)) === FLAG.syn;

/** The types of ICMP messages that tell of an error (RFC 792). */
const ERRORS = [3, 4, 5, 11, 12];

export const isError = ({ proto, sport }: Look): boolean => proto === 1 && ERRORS.includes(sport >> 8);

/** Whether a packet may begin a conversation: a SYN alone, UDP, an echo request. */
export function opens(packet: Look): boolean {
  if (isLater(packet)) return false;
  if (packet.proto === 6) return (packet.flags & 23) === FLAG.syn;
  return packet.proto === 17 || (packet.proto === 1 && packet.sport >> 8 === 8);
}

/**
 * The conversation that a packet is of, as the end `src` or `dst` of it sees it: protocol, own port, peer, his port. Of an echo
 * it is who asks. An error is of the conversation that it quotes. Undefined if it is of none.
 */
export function conversation(packet: Look, end: 'src' | 'dst'): string | undefined {
  if (isLater(packet)) return undefined;
  const { proto, src, dst, sport, dport } = packet;
  const mine = end === 'src';
  if (proto === 6 || proto === 17) return [proto, mine ? sport : dport, mine ? dst : src, mine ? dport : sport].join();
  if (proto !== 1) return undefined;
  const type = sport >> 8;
  if (type === 8 || type === 0)
    return ['echo', (type === 8) === mine ? 'asks' : 'answers', mine ? dst : src, dport].join();
  if (!isError(packet)) return undefined;
  const quoted = quote(packet);
  // It is about what the receiver of the error has sent. A clone can tell of its own packets alone: it is no router.
  if (!quoted || quoted.src !== dst || (mine && quoted.dst !== src)) return undefined;
  return conversation(quoted, mine ? 'dst' : 'src');
}

/** The packet that an error quotes: its header, and at least 8 bytes. */
function quote({ payload }: Look): Look | undefined {
  const header = ((payload[0] ?? 0) & 15) * 4;
  if (payload.length < 28 || payload[0]! >> 4 !== 4 || header < 20 || payload.length < header + 8) return undefined;
  // Lengths and checksums of what is quoted are not its own any more.
  const whole = Buffer.from(payload);
  whole.writeUInt16BE(whole.length, 2);
  const found = look(whole);
  return found && !isLater(found) ? found : undefined;
}

/** The datagram that a fragment is of. */
export const datagram = ({ src, dst, proto, id }: Look): string => [src, dst, proto, id].join();

/**
 * Bytes as they compare: without what the gateway may change. That is the MSS of a SYN, and the checksum for it; and where a
 * packet has passed a Reflector, its time to live.
 */
export function essence(packet: Buffer, { proto, header, flags, offset }: Look, mirrored: boolean): string {
  const clamped = proto === 6 && (flags & FLAG.syn) > 0 && offset === 0;
  if (!clamped && !mirrored) return packet.toString('latin1');
  const bytes = Buffer.from(packet);
  if (mirrored) {
    bytes[8] = 0;
    bytes.fill(0, 10, 12);
  }
  if (!clamped) return bytes.toString('latin1');
  bytes.fill(0, Math.min(bytes.length, header + 16), Math.min(bytes.length, header + 18));
  const end = Math.min(bytes.length, header + (bytes[header + 12]! >> 4) * 4);
  for (let at = header + 20; at + 3 < end; ) {
    const kind = bytes[at]!;
    if (kind === 0) break;
    if (kind === 2) bytes.fill(0, at + 2, at + 4);
    const length = kind === 1 ? 1 : bytes[at + 1]!;
    if (length === 0) break;
    at += length;
  }
  return bytes.toString('latin1');
}
