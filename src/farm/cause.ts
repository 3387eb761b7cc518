import { formatAddress } from '../packet/address.js';
import type { Packets } from '../packet/packets.js';
import { PROTOCOL } from '../packet/protocol.js';

/** The packet that called for a clone, and what let it come so far. */
export interface Cause {
  readonly source: number;
  readonly proto: number;
  readonly sport: number;
  readonly dport: number;
  readonly tcpFlags: number;
  /** The rule of export policy by which it came back into the farm, and its verdict. Undefined if it came from outside. */
  readonly licence: Licence | undefined;
}

export interface Licence {
  readonly rule: string;
  readonly verdict: string;
}

/** A cause as it is told to people and programs. */
export interface CauseLine {
  /** Its source address, and the number of its protocol. */
  readonly source: string;
  readonly proto: number;
  /** TCP or UDP; else null. */
  readonly sport: number | null;
  readonly dport: number | null;
  /** `SYN`, `SYN ACK`; null if it was not TCP. */
  readonly flags: string | null;
  /** ICMP type; null if it was not ICMP. */
  readonly icmp: number | null;
  readonly rule: string | null;
  readonly verdict: string | null;
}

export function causeOf({ src, proto, sport, dport, tcpFlags }: Packets, row: number, licence?: Licence): Cause {
  return {
    source: src[row]!,
    proto: proto[row]!,
    sport: sport[row]!,
    dport: dport[row]!,
    tcpFlags: tcpFlags[row]!,
    licence,
  };
}

const FLAGS = ['FIN', 'SYN', 'RST', 'PSH', 'ACK', 'URG', 'ECE', 'CWR'];

export function causeLine({ source, proto, sport, dport, tcpFlags, licence }: Cause): CauseLine {
  const tcp = proto === PROTOCOL.tcp;
  const ported = tcp || proto === PROTOCOL.udp;
  const flags = FLAGS.filter((_, bit) => tcpFlags & (1 << bit));
  return {
    source: formatAddress(source),
    proto,
    sport: ported ? sport : null,
    dport: ported ? dport : null,
    flags: tcp ? flags.join(' ') : null,
    icmp: proto === PROTOCOL.icmp ? sport >>> 8 : null,
    rule: licence?.rule ?? null,
    verdict: licence?.verdict ?? null,
  };
}
