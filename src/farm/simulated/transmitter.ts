import { ETHERNET, ETHERTYPE, MTU } from '../wire.js';
import { checksum, pseudoHeader } from './checksum.js';
import type { FrameRing } from './frames.js';
import type { Machine } from './machine.js';
import { setUint48 } from './record.js';

const IP_HEADER = 20;
const ARP_BYTES = 28;
const BROADCAST = 0xffffffffffff;

export const PROTOCOL = { icmp: 1, tcp: 6, udp: 17 } as const;

/** Where in the checksummed header of a protocol the checksum stands. */
const CHECKSUM_AT = { [PROTOCOL.icmp]: 2, [PROTOCOL.tcp]: 16, [PROTOCOL.udp]: 6 } as const;

/** Puts Ethernet, ARP and IPv4 headers around what the running machine sends. */
export class Transmitter {
  /** Where an IPv4 payload is to be put before ip() is called. */
  static readonly PAYLOAD = ETHERNET + IP_HEADER;
  readonly bytes = new Uint8Array(ETHERNET + MTU);
  readonly view = new DataView(this.bytes.buffer);
  private readonly machine: Machine;
  private readonly ring: FrameRing;
  /** The clone that runs now. */
  clone = 0;

  constructor(machine: Machine, ring: FrameRing) {
    this.machine = machine;
    this.ring = ring;
  }

  /** Sends the payload, `length` bytes from PAYLOAD, whose checksum is filled in. */
  ip(protocol: (typeof PROTOCOL)[keyof typeof PROTOCOL], destination: number, mac: number, length: number): void {
    const { bytes, view, machine } = this;
    const { header, profile } = machine;
    const { PAYLOAD } = Transmitter;
    const at = ETHERNET;
    view.setUint16(at, 0x4500);
    view.setUint16(at + 2, IP_HEADER + length);
    view.setUint16(at + 4, machine.random('packet', header.sent++));
    // TCP finds the path MTU and must not be fragmented (RFC 1191).
    view.setUint16(at + 6, protocol === PROTOCOL.tcp ? 0x4000 : 0);
    view.setUint8(at + 8, profile.ttl);
    view.setUint8(at + 9, protocol);
    view.setUint16(at + 10, 0);
    view.setUint32(at + 12, header.address);
    view.setUint32(at + 16, destination);
    view.setUint16(at + 10, checksum(bytes, at, IP_HEADER));

    const sum = PAYLOAD + CHECKSUM_AT[protocol];
    const pseudo = protocol === PROTOCOL.icmp ? 0 : pseudoHeader(header.address, destination, protocol, length);
    view.setUint16(sum, 0);
    const value = checksum(bytes, PAYLOAD, length, pseudo);
    // A UDP checksum of zero would say that there is none (RFC 768).
    view.setUint16(sum, protocol === PROTOCOL.udp && value === 0 ? 0xffff : value);
    this.frame(mac, ETHERTYPE.ipv4, PAYLOAD + length);
  }

  /** Asks who has an address (RFC 826). */
  arpRequest(address: number): void {
    this.arp(1, BROADCAST, 0, address);
  }

  arpReply(mac: number, address: number): void {
    this.arp(2, mac, mac, address);
  }

  private arp(operation: number, to: number, targetMac: number, target: number): void {
    const { view } = this;
    const { address, mac } = this.machine.header;
    const at = ETHERNET;
    view.setUint16(at, 1);
    view.setUint16(at + 2, ETHERTYPE.ipv4);
    view.setUint16(at + 4, 0x0604);
    view.setUint16(at + 6, operation);
    setUint48(view, at + 8, mac);
    view.setUint32(at + 14, address);
    setUint48(view, at + 18, targetMac);
    view.setUint32(at + 24, target);
    this.frame(to, ETHERTYPE.arp, ETHERNET + ARP_BYTES);
  }

  private frame(to: number, type: number, length: number): void {
    setUint48(this.view, 0, to);
    setUint48(this.view, 6, this.machine.header.mac);
    this.view.setUint16(12, type);
    this.ring.push(this.clone, this.bytes, length);
  }
}
