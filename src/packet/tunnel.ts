import { native } from '../native/addon.js';
import type { Batch } from './batch.js';
import type { Packets } from './packets.js';

/** What a GRE tunnel is. Addresses are numbers in host byte order. */
export interface TunnelOptions {
  /** Our outer address: the source of what is sent; 0 receives for any. */
  local: number;
  /** The other end's: what is sent goes there; 0 receives from any. */
  remote: number;
  /** Number of the tunnel, 0 to 254: the column `tunnel` becomes it plus 1. */
  number?: number;
  /**
   * The key that all packets carry, both ways (RFC 2890); 'row' sends the key in the column `key` of each row and
   * receives any. Without it any key is received and none is sent.
   */
  key?: number | 'row';
  /** Send GRE checksums. Those received are verified in any case. */
  checksum?: boolean;
  /** Send sequence numbers, from 0. */
  sequence?: boolean;
  /**
   * Discard packets whose sequence number is not above the last one received (RFC 2890 2.2). Sequence numbers count per
   * key, so it is for a tunnel with one key or none. Default true, unless the key is 'row'.
   */
  order?: boolean;
  /** Receive Ethernet frames that carry IPv4 as well (Transparent Ethernet Bridging, protocol 0x6558). */
  ethernet?: boolean;
}

/** Places of the words of a tunnel; native/gre.h says the same. */
export const TUNNEL = { flags: 0, local: 1, remote: 2, key: 3, number: 4, seen: 5, last: 6, next: 7 } as const;

const FLAG = { key: 1, rowKey: 2, checksum: 4, sequence: 8, order: 16, ethernet: 32 } as const;

function word(name: string, value: number, max = 0xffffffff): number {
  if (Number.isInteger(value) && value >= 0 && value <= max) return value;
  throw new RangeError(`${name} must be an integer from 0 to ${max}, not ${value}`);
}

/** Makes the array that native GRE calls take: what is expected and sent, and the state of the sequence numbers. */
export function makeTunnel(options: TunnelOptions): Tunnel {
  const { key } = options;
  const order = options.order ?? key !== 'row';
  const tunnel = new Uint32Array(Object.keys(TUNNEL).length);
  tunnel[TUNNEL.flags] =
    (typeof key === 'number' ? FLAG.key : 0) |
    (key === 'row' ? FLAG.rowKey : 0) |
    (options.checksum ? FLAG.checksum : 0) |
    (options.sequence ? FLAG.sequence : 0) |
    (order ? FLAG.order : 0) |
    (options.ethernet ? FLAG.ethernet : 0);
  tunnel[TUNNEL.local] = word('local', options.local);
  tunnel[TUNNEL.remote] = word('remote', options.remote);
  tunnel[TUNNEL.key] = typeof key === 'number' ? word('key', key) : 0;
  tunnel[TUNNEL.number] = word('number', options.number ?? 0, 254);
  return tunnel;
}

/** Forgets the sequence number last received: the next one is accepted whatever it is, as when the peer started again. */
export function restartTunnel(tunnel: Tunnel): void {
  tunnel[TUNNEL.seen] = 0;
}

/** A tunnel as native code knows it. */
export type Tunnel = Uint32Array;

/**
 * Takes the packets of a batch out of GRE: `start` and `length` become those of the inner packet, `key` and `tunnel` are
 * set. Writes `fault`; faulty rows stay as they were.
 * @returns the bytes of the batch or, if rows are faulty, minus their number.
 */
export function decapsulate(packets: Packets, batch: Batch, tunnel: Tunnel): number {
  return native.greDecapsulate(packets.bytes, batch.rows, batch.count, tunnel);
}

/**
 * Puts the packets of a batch into GRE; the outer headers go into the headroom. Writes `fault`.
 * @returns how many rows are faulty.
 */
export function encapsulate(packets: Packets, batch: Batch, tunnel: Tunnel): number {
  return native.greEncapsulate(packets.bytes, batch.rows, batch.count, tunnel);
}
