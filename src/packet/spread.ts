import { PROTOCOL } from './protocol.js';

/** One worker of several, each of which takes its share of the addresses inside. */
export interface Share {
  readonly worker: number;
  readonly workers: number;
}

export const ALL: Share = { worker: 0, workers: 1 };

/** The most workers there may be. */
export const MOST_WORKERS = 64;

const IP = 20;
const GRE = 4;
const OPTION = 4;
const IPV4 = 0x0800;
/** Bits of the GRE header for which it is refused, and those that say that it has an option. */
const REFUSED = 0x4c07;
const OPTIONS = [0x8000, 0x2000, 0x1000];
/** 2^32 divided by the golden ratio: neighbouring addresses come far apart. */
const GOLDEN = 0x9e3779b1;

/** Which worker has an address. */
export const workerOf = (address: number, workers: number): number =>
  ((Math.imul(address, GOLDEN) >>> 16) * workers) >>> 16;

/**
 * The address by which an IPv4 packet is given to a worker: the destination of the packet inside a GRE packet, else its own.
 * Undefined for GRE in which no packet can be found: that is the first worker's. The filter of a ring (native/spread.cc)
 * decides in the same way.
 */
export function spreadBy(packet: Uint8Array): number | undefined {
  if (packet.length < IP) return undefined;
  const view = new DataView(packet.buffer, packet.byteOffset, packet.length);
  if (view.getUint8(9) !== PROTOCOL.gre) return view.getUint32(16);
  const header = (view.getUint8(0) & 0xf) * 4;
  const isFragment = (view.getUint16(6) & 0x3fff) !== 0;
  if (isFragment || header < IP || packet.length < header + GRE + IP) return undefined;
  const flags = view.getUint16(header);
  if ((flags & REFUSED) !== 0 || view.getUint16(header + 2) !== IPV4) return undefined;
  const inside = header + GRE + OPTION * OPTIONS.filter((bit) => (flags & bit) !== 0).length;
  return packet.length < inside + IP ? undefined : view.getUint32(inside + 16);
}

/** Which worker an IPv4 packet is for. */
export function workerFor(packet: Uint8Array, workers: number): number {
  const address = spreadBy(packet);
  return address === undefined ? 0 : workerOf(address, workers);
}
