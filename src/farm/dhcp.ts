/**
 * DHCP (RFC 2131) as far as a client needs it. The gateway is the server on every clone's wire, and has one address to
 * give: the one that the clone has inside.
 */
import { native } from '../native/addon.js';
import { HEADROOM } from '../packet/columns.js';
import type { Packets } from '../packet/packets.js';
import { PROTOCOL } from '../packet/protocol.js';
import { ETHERNET, frame, gatewayOf, unframe } from './wire.js';

const SERVER = 67;
const CLIENT = 68;
const BROADCAST = 0xffffffff;
const IP = 20;
const UDP = 8;

/** Where the fields of a message lie (RFC 2131 2). */
const AT = { op: 0, hlen: 2, hops: 3, xid: 4, flags: 10, ciaddr: 12, yiaddr: 16, giaddr: 24, chaddr: 28 } as const;
const COOKIE_AT = 236;
const OPTIONS_AT = 240;
const COOKIE = 0x63825363;
/** Shorter messages than this BOOTP clients may drop (RFC 1542 2.1). */
const SHORTEST = 300;

const MESSAGE = { discover: 1, offer: 2, request: 3, decline: 4, ack: 5, nak: 6, release: 7, inform: 8 } as const;
/** RFC 2132. */
const OPTION = { mask: 1, router: 3, dns: 6, address: 50, lease: 51, type: 53, server: 54 } as const;

const MASK = 0xffffff00;
/** Seconds. */
const LEASE = 86_400;

/** Whether the frame in a row, which holds an IPv4 header at least, is for the DHCP server of a clone with this address. */
export function isDhcp({ view, start, length }: Packets, row: number, address: number): boolean {
  const ip = start[row]! + ETHERNET;
  const udp = ip + (view.getUint8(ip) & 15) * 4;
  const to = view.getUint32(ip + 16);
  return (
    view.getUint8(ip + 9) === PROTOCOL.udp &&
    (to === BROADCAST || to === gatewayOf(address)) &&
    (view.getUint16(ip + 6) & 0x1fff) === 0 &&
    udp >= ip + IP &&
    udp + 4 <= start[row]! + length[row]! &&
    view.getUint16(udp + 2) === SERVER
  );
}

/** What a client says, as far as the answer depends on it. */
interface Message {
  type: number;
  /** The address that it has; 0 for none. */
  readonly client: number;
  /** The address that it wants, and the server that it has chosen; 0 for none. */
  wanted: number;
  server: number;
  readonly broadcast: boolean;
}

/** Reads the message in a row. Undefined if it is malformed. */
function read({ view, start, length }: Packets, row: number): Message | undefined {
  const ip = start[row]! + ETHERNET;
  const header = (view.getUint8(ip) & 15) * 4;
  const total = view.getUint16(ip + 2);
  const udp = ip + header;
  if (view.getUint8(ip) >> 4 !== 4 || total < header + UDP || total > length[row]! - ETHERNET) return undefined;
  const datagram = view.getUint16(udp + 4);
  // A NIC may have been meant to complete the checksum, and an answer goes to nobody but who asked: it is not looked at.
  if (view.getUint16(udp) !== CLIENT || datagram > total - header) return undefined;
  const at = udp + UDP;
  const end = udp + datagram;
  if (end < at + OPTIONS_AT || view.getUint32(at + COOKIE_AT) !== COOKIE) return undefined;
  // A request of an Ethernet client that no relay has passed on.
  if (view.getUint16(at + AT.op) !== 0x0101 || view.getUint8(at + AT.hlen) !== 6) return undefined;
  if (view.getUint32(at + AT.giaddr) !== 0) return undefined;
  const message: Message = {
    type: 0,
    client: view.getUint32(at + AT.ciaddr),
    wanted: 0,
    server: 0,
    broadcast: (view.getUint16(at + AT.flags) & 0x8000) !== 0,
  };
  return readOptions(view, at + OPTIONS_AT, end, message) && message.type !== 0 ? message : undefined;
}

function readOptions(view: DataView, from: number, end: number, message: Message): boolean {
  for (let at = from; at < end; ) {
    const code = view.getUint8(at++);
    if (code === 0) continue;
    if (code === 255) return true;
    if (at === end) return false;
    const bytes = view.getUint8(at++);
    if (bytes > end - at) return false;
    if (code === OPTION.type && bytes === 1) message.type = view.getUint8(at);
    else if (code === OPTION.address && bytes === 4) message.wanted = view.getUint32(at);
    else if (code === OPTION.server && bytes === 4) message.server = view.getUint32(at);
    else if (code === OPTION.type || code === OPTION.address || code === OPTION.server) return false;
    at += bytes;
  }
  // Some clients leave out the end.
  return true;
}

/** The type of the answer; 0 if there is none. */
function answerTo({ type, client, wanted, server }: Message, address: number): number {
  if (type === MESSAGE.discover) return MESSAGE.offer;
  if (type === MESSAGE.inform) return MESSAGE.ack;
  if (type !== MESSAGE.request || (server !== 0 && server !== gatewayOf(address))) return 0;
  // What it wants to have if it is about to get an address, else what it has and wants to keep (RFC 2131 4.3.2).
  return (wanted || client) === address ? MESSAGE.ack : MESSAGE.nak;
}

/**
 * Turns a message of a client in a row into the answer, with its Ethernet header.
 * @param address the address that the clone has inside
 */
export function answerDhcp(packets: Packets, row: number, address: number): 'answered' | 'ignored' | 'malformed' {
  const message = read(packets, row);
  if (!message) return 'malformed';
  const answer = answerTo(message, address);
  if (answer === 0) return 'ignored';
  const { view, bytes } = packets;
  unframe(packets, row);
  const request = packets.start[row]! + (view.getUint8(packets.start[row]!) & 15) * 4 + UDP;
  const ip = packets.slot(row) + HEADROOM;
  const at = ip + IP + UDP;
  // The fixed part of the answer is that of the request, but for some fields.
  bytes.copyWithin(at, request, request + OPTIONS_AT);
  const server = gatewayOf(address);
  const length = writeMessage(packets, at, message, { type: answer, address, server });

  const { client, broadcast } = message;
  // To the address that it has; else to the one that it gets, unless it cannot receive that yet (RFC 2131 4.1).
  const direct = answer !== MESSAGE.nak && (client !== 0 || !broadcast);
  bytes.fill(0, ip, at);
  view.setUint16(ip, 0x4500);
  view.setUint16(ip + 2, IP + UDP + length);
  view.setUint8(ip + 8, 64);
  view.setUint8(ip + 9, PROTOCOL.udp);
  view.setUint32(ip + 12, server);
  view.setUint32(ip + 16, direct ? client || address : BROADCAST);
  view.setUint16(ip + IP, SERVER);
  view.setUint16(ip + IP + 2, CLIENT);
  view.setUint16(ip + IP + 4, UDP + length);
  packets.start[row] = ip;
  packets.length[row] = IP + UDP + length;
  native.ipFinish(bytes, Uint16Array.of(row), 1);
  frame(packets, row, direct ? bytes.slice(at + AT.chaddr, at + AT.chaddr + 6) : EVERYBODY);
  return 'answered';
}

const EVERYBODY = new Uint8Array(6).fill(255);

/** Makes the request's fixed part at `at` that of an answer, and adds the options. Returns the bytes of the message. */
function writeMessage(
  { view, bytes }: Packets,
  at: number,
  { type: asked, client }: Message,
  { type, address, server }: { type: number; address: number; server: number },
): number {
  const gives = type === MESSAGE.offer || (type === MESSAGE.ack && asked === MESSAGE.request);
  view.setUint8(at + AT.op, 2);
  view.setUint8(at + AT.hops, 0);
  bytes.fill(0, at + AT.xid + 4, at + AT.flags); // seconds
  view.setUint32(at + AT.ciaddr, type === MESSAGE.ack ? client : 0);
  view.setUint32(at + AT.yiaddr, gives ? address : 0);
  bytes.fill(0, at + AT.yiaddr + 4, at + AT.chaddr);
  // Names of a server and a file for booting, and what a shorter message than SHORTEST is filled up with.
  bytes.fill(0, at + AT.chaddr + 16, at + COOKIE_AT);
  bytes.fill(0, at + OPTIONS_AT, at + SHORTEST);
  let end = at + OPTIONS_AT;
  const option = (code: number, value: number) => {
    view.setUint16(end, (code << 8) | 4);
    view.setUint32(end + 2, value);
    end += 6;
  };
  view.setUint16(end, (OPTION.type << 8) | 1);
  view.setUint8(end + 2, type);
  end += 3;
  option(OPTION.server, server);
  if (gives) option(OPTION.lease, LEASE);
  if (type !== MESSAGE.nak) {
    option(OPTION.mask, MASK);
    option(OPTION.router, server);
    option(OPTION.dns, server);
  }
  view.setUint8(end++, 255);
  return Math.max(SHORTEST, end - at);
}
