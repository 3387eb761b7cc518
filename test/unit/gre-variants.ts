/** GRE packets with all that can be in front of the packet inside, for tests of who looks for it. */
import { craft } from './craft.js';

const GRE = 47;
/** Bits of the first word of the header that say that another word follows. */
const OPTIONS = [0x8000, 0x2000, 0x1000];

export interface GreVariant {
  /** The packet inside. */
  readonly inner: Uint8Array;
  /** The first 16 bits of the header, and the type of what is inside. */
  readonly flags?: number;
  readonly type?: number;
  /** Options of the outer IPv4 header, and its 16 bits of flags and offset. */
  readonly options?: Uint8Array;
  readonly fragment?: number;
  /** Bytes cut off at the end. */
  readonly cut?: number;
}

/** A GRE packet; words of options are zero, so a checksum in it is wrong. */
export function greVariant({ inner, flags = 0, type = 0x0800, options, fragment, cut = 0 }: GreVariant): Buffer {
  const words = OPTIONS.filter((bit) => (flags & bit) !== 0).length;
  const header = Buffer.alloc(4 + 4 * words);
  header.writeUInt16BE(flags, 0);
  header.writeUInt16BE(type, 2);
  const payload = Buffer.concat([header, inner]).subarray(0, header.length + inner.length - cut);
  const outer = { proto: GRE, src: 0xc0000201, dst: 0xc0000202, payload };
  return craft({ ...outer, ...(options && { options }), ...(fragment !== undefined && { fragment }) });
}

/** One packet of each kind for an address. */
export function greVariants(dst: number): Buffer[] {
  const inner = craft({ proto: 17, dst, payload: Buffer.alloc(8) });
  const flags = Array.from({ length: 8 }, (_, n) => OPTIONS.reduce((all, bit, i) => all | (n & (1 << i) ? bit : 0), 0));
  return [
    ...flags.map((each) => greVariant({ inner, flags: each })),
    ...flags.map((each) => greVariant({ inner, flags: each, options: Buffer.from([7, 7, 4, 0, 0, 0, 0, 0]) })),
    ...[0x4000, 0x0400, 0x0800, 0x0001, 0x0007, 0x0300, 0x00f8].map((each) => greVariant({ inner, flags: each })),
    greVariant({ inner, type: 0x6558 }),
    greVariant({ inner, fragment: 0x2000 }),
    ...[1, inner.length - 20, inner.length - 19, inner.length - 1, inner.length].map((cut) =>
      greVariant({ inner, cut }),
    ),
    ...[inner.length - 20, inner.length - 19].map((cut) => greVariant({ inner, flags: 0xb000, cut })),
  ];
}
