/** What a clone, or the outside, may say to what it got. */
import type { Wanted } from '../../unit/craft.js';
import type { Twist } from './traffic.js';

/** Whether it is not the one that got the packet who answers. */
export const isOfAnother = (twist: Twist): boolean => twist === 'other clone' || twist === 'error of another';

/** The ports of a packet, 0 if it is too short for any. */
function portsOf(packet: Buffer): [sport: number, dport: number] {
  const body = (packet[0]! & 15) * 4;
  return packet.length >= body + 4 ? [packet.readUInt16BE(body), packet.readUInt16BE(body + 2)] : [0, 0];
}

/** Packets by which an address answers one that a clone got, or nearly so. */
export function answers(packet: Buffer, address: number, tcpFlags: number, twist: Twist): readonly Wanted[] {
  const [sport, dport] = portsOf(packet);
  const base: Wanted = {
    proto: packet[9]!,
    src: twist === 'forged' ? (packet.readUInt32BE(16) ^ 3) >>> 0 : address,
    dst: (packet.readUInt32BE(12) ^ (twist === 'address' ? 3 : 0)) >>> 0,
    sport: dport,
    dport: sport ^ (twist === 'port' ? 1 : 0),
    tcpFlags,
    icmp: [0, 0],
  };
  return changes(twist, packet).map((change) => ({ ...base, ...change }));
}

function changes(twist: Twist, packet: Buffer): readonly Wanted[] {
  const first: Wanted = { fragment: 0x2000, payload: new Uint8Array(28) };
  switch (twist) {
    case 'error':
    case 'error of another':
      return [{ proto: 1, icmp: [3, 3], payload: packet.subarray(0, 60) }];
    case 'first':
      return [first];
    case 'later':
      return [{ fragment: 3, payload: new Uint8Array(24) }];
    case 'overlap':
      return [first, { fragment: 0x2001, payload: new Uint8Array(24) }, { fragment: 2, payload: new Uint8Array(24) }];
    case 'options':
      return [{ options: Buffer.from([131, 7, 4, 8, 8, 8, 8, 0]) }];
    case 'payload':
      return [{ payload: Buffer.from('GET / HTTP/1.1\r\n\r\n') }];
    case 'synchronize':
      return [{ tcpFlags: 2 }];
    case 'reset first':
      return [{ tcpFlags: 4 }, { tcpFlags: 2 }];
    case 'unacknowledged':
      return [{ tcpFlags: 2 }, { tcpFlags: 18 }];
    default:
      return [{}];
  }
}

/** What the outside answers to a packet that has left; undefined if that is too short for an answer. */
export function returned(packet: Buffer, tcpFlags: number): Wanted | undefined {
  if (packet.length < 24 || packet.length < (packet[0]! & 15) * 4 + 4) return undefined;
  const [src, dst] = [packet.readUInt32BE(16), packet.readUInt32BE(12)];
  const [dport, sport] = portsOf(packet);
  return { proto: packet[9]!, src, dst, sport, dport, tcpFlags, icmp: [0, 0] };
}
