import type { Packets } from '../../packet/packets.js';
import { FrameRing } from '../simulated/frames.js';
import { Machine } from '../simulated/machine.js';
import { PROTOCOL, Transmitter } from '../simulated/transmitter.js';
import { ETHERNET } from '../wire.js';
import { NEIGHBOUR, PROFILE } from './machines.js';
import type { Peer } from './peer.js';

/** Bytes that wait to be brought into the graph. */
const OUTBOX = 2 ** 20;

/** What sinks send to clones, until it is brought into the graph. */
export class Outbox {
  readonly ring = new FrameRing(OUTBOX);
  /** It sends UDP datagrams for all addresses and is itself none of them. */
  private readonly nobody = new Machine();
  private readonly transmitter = new Transmitter(this.nobody, this.ring);

  /** @param key 64 bits from which the identification of datagrams follows */
  constructor([low, high]: readonly [low: number, high: number]) {
    const { header } = this.nobody;
    this.nobody.profile = PROFILE;
    [header.keyLow, header.keyHigh] = [low, high];
  }

  /** Packets that wait. */
  get waiting(): number {
    return this.ring.count;
  }

  /** Packets that were lost because too many waited. */
  get overflowed(): number {
    return this.ring.dropped;
  }

  /** Puts a UDP datagram for a clone in. */
  datagram({ universe, address, target, port }: Peer, to: number, payload: Uint8Array): void {
    const { nobody, transmitter } = this;
    const { view, bytes } = transmitter;
    const at = Transmitter.PAYLOAD;
    nobody.header.address = target;
    view.setUint16(at, port);
    view.setUint16(at + 2, to);
    view.setUint16(at + 4, 8 + payload.length);
    bytes.set(payload, at + 8);
    transmitter.clone = universe;
    transmitter.ip(PROTOCOL.udp, address, NEIGHBOUR, 8 + payload.length);
  }

  /** Takes the oldest packet for a clone into a row. @returns the row, -1 if none waits or the table is full */
  collect(packets: Packets): number {
    if (packets.free === 0) return -1;
    const sent = this.ring.shift();
    if (!sent) return -1;
    const row = packets.take();
    const start = packets.start[row]!;
    packets.bytes.set(sent.frame.subarray(ETHERNET), start);
    packets.length[row] = sent.frame.length - ETHERNET;
    packets.universe[row] = sent.clone;
    packets.src[row] = packets.view.getUint32(start + 12);
    packets.dst[row] = packets.view.getUint32(start + 16);
    packets.proto[row] = packets.bytes[start + 9]!;
    packets.ipHeader[row] = 20;
    packets.sport[row] = packets.view.getUint16(start + 20);
    packets.dport[row] = packets.view.getUint16(start + 22);
    return row;
  }
}
