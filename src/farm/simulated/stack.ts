import type { Packets } from '../../packet/packets.js';
import { ETHERNET, ETHERTYPE, MTU } from '../wire.js';
import { checksum, pseudoHeader } from './checksum.js';
import type { FrameRing } from './frames.js';
import { Machine } from './machine.js';
import { Opening } from './opening.js';
import { getUint48 } from './record.js';
import { Segment } from './segment.js';
import { Sender } from './sender.js';
import { Services } from './services.js';
import { Tcp } from './tcp.js';
import { PROTOCOL, Transmitter } from './transmitter.js';

const { PAYLOAD } = Transmitter;
const BROADCAST = 0xffffffffffff;
/** Below this no client sends from, so an echo would answer an echo, for ever. */
const CLIENT_PORTS = 1024;
/** Bytes of a packet that an ICMP error quotes beyond its IP header (RFC 792). */
const QUOTED = 8;

/** Frames that came to nothing, of all machines. */
export interface StackCounters {
  /** Too short or too long, or with lengths that cannot be. */
  malformed: number;
  /** For another hardware or IPv4 address, or of a protocol that no machine knows. */
  astray: number;
  /** IPv4 fragments: the simulated machines do not reassemble. */
  fragments: number;
  checksum: number;
}

/** The network stack of the machine that runs now: ARP, ICMP and UDP here, TCP in its own class. */
export class Stack {
  readonly machine = new Machine();
  readonly transmitter: Transmitter;
  readonly counters: StackCounters = { malformed: 0, astray: 0, fragments: 0, checksum: 0 };
  private readonly opening: Opening;
  private readonly tcp: Tcp;
  private readonly segment = new Segment();
  private bytes: Uint8Array = new Uint8Array(0);
  private view = new DataView(new ArrayBuffer(0));

  constructor(ring: FrameRing) {
    this.transmitter = new Transmitter(this.machine, ring);
    const sender = new Sender(this.machine, this.transmitter);
    this.opening = new Opening(this.machine, sender);
    this.tcp = new Tcp(this.machine, sender, this.opening);
    const services = new Services(this.machine, sender, this.opening, this.tcp);
    this.opening.applications = this.tcp.applications = services;
  }

  /** Hands the frame in a row to the machine. */
  receive(packets: Packets, row: number): void {
    this.bytes = packets.bytes;
    this.view = packets.view;
    const at = packets.start[row]!;
    const end = at + packets.length[row]!;
    if (end - at < ETHERNET || end - at > ETHERNET + MTU) {
      this.counters.malformed++;
      return;
    }
    const { mac } = this.machine.header;
    const to = getUint48(this.view, at);
    const type = this.view.getUint16(at + 12);
    if (type === ETHERTYPE.arp && (to === mac || to === BROADCAST)) this.arp(at + ETHERNET, end);
    else if (type === ETHERTYPE.ipv4 && to === mac) this.ip(at + ETHERNET, end, getUint48(this.view, at + 6));
    else this.counters.astray++;
  }

  /** Runs the timers that are due. */
  sweep(): void {
    const { connections, now } = this.machine;
    for (const each of connections) if (each.due > 0 && each.due <= now) this.tcp.timeout(each);
  }

  private arp(at: number, end: number): void {
    const { view, machine } = this;
    if (end - at < 28 || view.getUint32(at) !== 0x00010800 || view.getUint16(at + 4) !== 0x0604) {
      this.counters.malformed++;
      return;
    }
    const operation = view.getUint16(at + 6);
    const mac = getUint48(view, at + 8);
    const address = view.getUint32(at + 14);
    if (view.getUint32(at + 24) !== machine.header.address) this.counters.astray++;
    else if (operation === 1) this.transmitter.arpReply(mac, address);
    else if (operation === 2 && mac !== 0 && mac !== BROADCAST) this.opening.resolved(address, mac);
  }

  private ip(at: number, end: number, mac: number): void {
    const { view, counters, machine } = this;
    const header = end - at < 20 ? 0 : (view.getUint8(at) & 15) * 4;
    const length = end - at < 20 ? 0 : view.getUint16(at + 2);
    if (header < 20 || view.getUint8(at) >> 4 !== 4 || length < header || length > end - at) counters.malformed++;
    else if (checksum(this.bytes, at, header) !== 0) counters.checksum++;
    else if (view.getUint32(at + 16) !== machine.header.address) counters.astray++;
    else if (!this.isPeer(view.getUint32(at + 12))) counters.astray++;
    else if (view.getUint16(at + 6) & 0x3fff) counters.fragments++;
    else {
      machine.dirty(machine.profile.dirty.packet);
      const src = view.getUint32(at + 12);
      const protocol = view.getUint8(at + 9);
      if (protocol === PROTOCOL.icmp) this.icmp(at + header, at + length, src, mac);
      else if (protocol === PROTOCOL.udp) this.udp(at, at + header, at + length, src, mac);
      else if (protocol === PROTOCOL.tcp) this.segments(at + header, at + length, src, mac);
      else counters.astray++;
    }
  }

  /** Nobody else has our address, and nobody sends from none, from a multicast or from a reserved one. */
  private isPeer(address: number): boolean {
    return address !== this.machine.header.address && address !== 0 && address < 0xe0000000;
  }

  private icmp(at: number, end: number, src: number, mac: number): void {
    const length = end - at;
    if (length < 8) this.counters.malformed++;
    else if (checksum(this.bytes, at, length) !== 0) this.counters.checksum++;
    else if (this.view.getUint8(at) === 8) {
      this.transmitter.bytes.set(this.bytes.subarray(at, end), PAYLOAD);
      this.transmitter.view.setUint8(PAYLOAD, 0);
      this.transmitter.ip(PROTOCOL.icmp, src, mac, length);
    }
  }

  private udp(ip: number, at: number, end: number, src: number, mac: number): void {
    const { view, transmitter } = this;
    const length = end - at < 8 ? 0 : view.getUint16(at + 4);
    if (length < 8 || length > end - at) {
      this.counters.malformed++;
      return;
    }
    const { address } = this.machine.header;
    const sum = pseudoHeader(src, address, PROTOCOL.udp, length);
    if (view.getUint16(at + 6) !== 0 && checksum(this.bytes, at, length, sum) !== 0) {
      this.counters.checksum++;
      return;
    }
    const sport = view.getUint16(at);
    const rule = this.machine.profile.udp.of(view.getUint16(at + 2));
    if (rule === 'closed') {
      const quoted = at - ip + QUOTED;
      transmitter.bytes.set(this.bytes.subarray(ip, ip + quoted), PAYLOAD + 8);
      transmitter.view.setUint32(PAYLOAD, 0x03030000);
      transmitter.view.setUint32(PAYLOAD + 4, 0);
      transmitter.ip(PROTOCOL.icmp, src, mac, 8 + quoted);
    } else if (typeof rule === 'object' && rule.kind === 'echo' && sport >= CLIENT_PORTS) {
      transmitter.bytes.set(this.bytes.subarray(at, at + length), PAYLOAD);
      transmitter.view.setUint16(PAYLOAD, view.getUint16(at + 2));
      transmitter.view.setUint16(PAYLOAD + 2, sport);
      transmitter.view.setUint16(PAYLOAD + 4, length);
      transmitter.ip(PROTOCOL.udp, src, mac, length);
    }
  }

  private segments(at: number, end: number, src: number, mac: number): void {
    const { segment, machine } = this;
    const sum = pseudoHeader(src, machine.header.address, PROTOCOL.tcp, end - at);
    if (!segment.read(this.bytes, this.view, at, end)) this.counters.malformed++;
    else if (checksum(this.bytes, at, end - at, sum) !== 0) this.counters.checksum++;
    else {
      segment.src = src;
      segment.mac = mac;
      this.tcp.receive(segment);
    }
  }
}
