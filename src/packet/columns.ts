/**
 * The one list of packet columns. `npm run generate` writes native/columns.h from it, so TypeScript and C++
 * cannot disagree about the layout of a packet table.
 *
 * A packet table is one ArrayBuffer: the columns, one after the other, each ROWS entries long and with a cache line to spare; then
 * ROWS slots of SLOT bytes that hold the packets themselves.
 */

/** Rows of a table. One receive fills at most BATCH of them; the rest is for copies and replies made on the way. */
export const ROWS = 2048;

/** The most packets that one source hands over in one turn. */
export const BATCH = 512;

/**
 * Bytes of a slot: 64 of headroom for the headers that encapsulation prepends, and 2 KiB for the packet.
 * 2112 and not 2048, because a stride that is a power of two would put every header into the same few cache sets.
 */
export const HEADROOM = 64;
export const SLOT = 2048 + HEADROOM;

/** The longest packet that fits. Longer ones are dropped where they are read, with a counter. */
export const MAX_PACKET = SLOT - HEADROOM;

/** Columns, widest first so that all are aligned. Addresses and ports are in host byte order. */
export const COLUMNS = {
  sec: { type: 'u32', doc: 'arrival (or capture) time: whole seconds since the epoch' },
  nsec: { type: 'u32', doc: '… and nanoseconds' },
  start: { type: 'u32', doc: 'offset in the table of the first byte of the packet (its IPv4 header)' },
  length: { type: 'u32', doc: 'bytes of the packet from start' },
  src: { type: 'u32', doc: 'IPv4 source address' },
  dst: { type: 'u32', doc: 'IPv4 destination address' },
  key: { type: 'u32', doc: 'GRE key of the tunnel packet it came in (RFC 2890), 0 if none' },
  universe: { type: 'u32', doc: 'universe it belongs to, 0 while none' },
  flow: { type: 'u32', doc: 'slot of its flow in the flow table plus 1, 0 while none' },
  decision: { type: 'u32', doc: 'which decision of export policy holds for its flow, 0 while none' },
  age: { type: 'u32', doc: 'seconds since its flow was opened' },
  clone: { type: 'u32', doc: 'clone that sent it or took it, 0 while none' },
  sport: { type: 'u16', doc: 'TCP or UDP source port; ICMP type * 256 + code' },
  dport: { type: 'u16', doc: 'TCP or UDP destination port; ICMP echo identifier' },
  payload: {
    type: 'u16',
    doc: 'bytes from start to what follows the transport header (the IPv4 header where there is none)',
  },
  image: { type: 'u16', doc: 'number of the image that plays dst plus 1, 0 while none' },
  rewrite: {
    type: 'u16',
    doc: 'what is to be replaced in what it carries: see REWRITE in src/packet/rewrite/column.ts; 0 if nothing is',
  },
  proto: { type: 'u8', doc: 'IPv4 protocol number' },
  tcpFlags: { type: 'u8', doc: 'TCP flags, 0 for others' },
  ipHeader: { type: 'u8', doc: 'bytes of the IPv4 header' },
  fragment: { type: 'u8', doc: '0 whole, 1 first fragment, 2 a later one (its ports are 0)' },
  tunnel: { type: 'u8', doc: 'number of the tunnel it came in by plus 1, 0 if by none' },
  flowState: { type: 'u8', doc: 'what the flow table found: see FLOW in src/packet/flow.ts' },
  verdict: { type: 'u8', doc: 'what export policy decided for its flow: see VERDICT in src/packet/verdict.ts' },
  fault: { type: 'u8', doc: 'why it is broken: see FAULTS in src/packet/faults.ts; 0 if it is sound' },
  paint: { type: 'u8', doc: "Click's paint annotation" },
} as const satisfies Record<string, { type: 'u8' | 'u16' | 'u32'; doc: string }>;

export type ColumnName = keyof typeof COLUMNS;

export const WIDTH = { u8: 1, u16: 2, u32: 4 } as const;

/**
 * Spare bytes behind each column: else all columns of a row would be in the same few cache sets, since a column's length is a
 * power of two.
 */
const SPARE = 64;

/** Byte offset of each column in the table. */
export const OFFSETS = Object.fromEntries(
  Object.entries(COLUMNS).reduce<{ at: number; list: [string, number][] }>(
    ({ at, list }, [name, { type }]) => ({ at: at + WIDTH[type] * ROWS + SPARE, list: [...list, [name, at]] }),
    { at: 0, list: [] },
  ).list,
) as Record<ColumnName, number>;

const columnBytes = Object.values(COLUMNS).reduce((sum, { type }) => sum + WIDTH[type] * ROWS + SPARE, 0);

/** Offset of the first slot, on a cache line. */
export const SLOTS_AT = Math.ceil(columnBytes / 64) * 64;

/** Bytes of a whole table. */
export const TABLE_BYTES = SLOTS_AT + ROWS * SLOT;
