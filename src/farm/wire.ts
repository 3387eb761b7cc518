import type { Packets } from '../packet/packets.js';

/** The gateway's end of every clone's wire. Locally administered, and the same for all, since each wire is closed. */
export const GATEWAY_MAC = Uint8Array.of(0x02, 0, 0, 0, 0, 0x01);

/** Bytes of an Ethernet header. */
export const ETHERNET = 14;

/** The longest IPv4 packet an Ethernet frame carries. */
export const MTU = 1500;

export const ETHERTYPE = { ipv4: 0x0800, arp: 0x0806 } as const;

/** The hardware address of a clone: locally administered, from its number, so no two are alike. */
export function cloneMac(id: number): Uint8Array {
  return Uint8Array.of(0x02, 0x50, (id >>> 24) & 255, (id >>> 16) & 255, (id >>> 8) & 255, id & 255);
}

/** The gateway's address in the /24 of an address: the first one, or the last if that is the address itself. */
export function gatewayOf(address: number): number {
  const first = ((address & 0xffffff00) | 1) >>> 0;
  return address === first ? first + 253 : first;
}

/** Puts an Ethernet header for `mac` before the IPv4 packet in a row; it goes into the headroom. */
export function frame(packets: Packets, row: number, mac: Uint8Array): void {
  const start = packets.start[row]! - ETHERNET;
  packets.bytes.set(mac, start);
  packets.bytes.set(GATEWAY_MAC, start + 6);
  packets.view.setUint16(start + 12, ETHERTYPE.ipv4);
  packets.start[row] = start;
  packets.length[row] = packets.length[row]! + ETHERNET;
}

/** Takes the Ethernet header off a row. */
export function unframe(packets: Packets, row: number): void {
  packets.start[row] = packets.start[row]! + ETHERNET;
  packets.length[row] = packets.length[row]! - ETHERNET;
}

/** EtherType of the frame in a row, 0 if it is too short to have one. */
export function etherType(packets: Packets, row: number): number {
  return packets.length[row]! < ETHERNET ? 0 : packets.view.getUint16(packets.start[row]! + 12);
}

const ARP_BYTES = 28;

/** Operation of the ARP message (RFC 826, for IPv4 over Ethernet) in a row, 0 if there is no such message in it. */
function arpOperation({ view, start, length }: Packets, row: number): number {
  const arp = start[row]! + ETHERNET;
  const sound =
    length[row]! >= ETHERNET + ARP_BYTES &&
    view.getUint16(arp - 2) === ETHERTYPE.arp &&
    view.getUint16(arp) === 1 &&
    view.getUint16(arp + 2) === ETHERTYPE.ipv4 &&
    view.getUint16(arp + 4) === 0x0604;
  return sound ? view.getUint16(arp + 6) : 0;
}

/**
 * The address that the sender of a frame announces as its own by a gratuitous ARP message (RFC 5227 3), which machines
 * send when they have set it; 0 if the frame is none.
 */
export function announces(packets: Packets, row: number): number {
  const operation = arpOperation(packets, row);
  if (operation !== 1 && operation !== 2) return 0;
  const arp = packets.start[row]! + ETHERNET;
  const sender = packets.view.getUint32(arp + 14);
  return sender === packets.view.getUint32(arp + 24) ? sender : 0;
}

/**
 * Turns an ARP request in a row into the gateway's answer (RFC 826). The gateway is every neighbour of a clone, so
 * it answers for every address but the clone's own, which a machine asks for to find out whether it is taken. An
 * announcement asks for nothing.
 * @returns false if the frame is not a request to answer.
 */
export function answerArp(packets: Packets, row: number, address: number, mac: Uint8Array): boolean {
  const { bytes, view } = packets;
  const start = packets.start[row]!;
  const arp = start + ETHERNET;
  if (arpOperation(packets, row) !== 1 || announces(packets, row) !== 0) return false;
  const target = view.getUint32(arp + 24);
  if (target === address) return false;
  bytes.set(mac, start);
  bytes.set(GATEWAY_MAC, start + 6);
  view.setUint16(arp + 6, 2);
  bytes.copyWithin(arp + 18, arp + 8, arp + 18);
  bytes.set(GATEWAY_MAC, arp + 8);
  view.setUint32(arp + 14, target);
  packets.length[row] = ETHERNET + ARP_BYTES;
  return true;
}
