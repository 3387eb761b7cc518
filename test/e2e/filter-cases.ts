/** What the kernel's filter must let out, and what not, without a gateway in front of it. Addresses are numbers. */

import type { Reason } from '../../src/control/filter/plan.js';
import { boxesOf, type CeilingBox } from '../../src/farm/policy/ceiling.js';
import { craft, type Wanted } from '../unit/craft.js';

export const CLONE = 0x0a630102;
const OUTSIDER = 0xc6336407;
export const SERVER = 0xcb007109;
const STRANGER = 0xc6336463;

export const SYN = 0x02;
const [ACK, RST, SYN_ACK] = [0x10, 0x04, 0x12];
const MORE = 0x2000;
const [TCP, UDP, ICMP, GRE] = [6, 17, 1, 47];
/** craft() gives every echo this identifier. */
const ECHO = 7;

/** Answers, and connections to one server's web port. */
export const BOXES: readonly CeilingBox[] = [
  ...boxesOf({ replyOnly: true }),
  ...boxesOf({ replyOnly: false, proto: [[TCP, TCP]], dst: [[SERVER, SERVER]], dport: [[80, 80]] }),
  ...boxesOf({ replyOnly: false, proto: [[132, 132]], dst: [[SERVER, SERVER]] }),
];

const fromClone = (wanted: Wanted) => craft({ src: CLONE, dst: OUTSIDER, ...wanted });
const fromOutside = (wanted: Wanted) => craft({ src: OUTSIDER, dst: CLONE, ...wanted });
const web = { proto: TCP, sport: 80, dport: 4000 };
const dns = { proto: UDP, sport: 53, dport: 5000 };

/** What comes in first. */
export const CONTACTS: readonly Uint8Array[] = [
  fromOutside({ proto: TCP, sport: 4000, dport: 80, tcpFlags: SYN }),
  fromOutside({ proto: TCP, sport: 25, dport: 25, tcpFlags: SYN }),
  fromOutside({ proto: UDP, sport: 5000, dport: 53 }),
  fromOutside({ proto: ICMP, icmp: [8, 0] }),
  // None of these opens anything.
  fromOutside({ proto: TCP, sport: 4001, dport: 80, tcpFlags: SYN_ACK }),
  fromOutside({ proto: TCP, sport: 4002, dport: 80, tcpFlags: ACK }),
  fromOutside({ proto: ICMP, icmp: [0, 0], src: STRANGER }),
  fromOutside({ proto: 132, src: STRANGER }),
  fromOutside({ proto: UDP, sport: 5001, dport: 53, fragment: 4, payload: new Uint8Array(16) }),
];

/** An ICMP error about a packet that a clone was sent. */
const error = (type: number, about: Wanted, own: Wanted = {}) =>
  fromClone({ proto: ICMP, icmp: [type, 3], payload: fromOutside(about).subarray(0, 28), ...own });

/** The packet with some bytes changed. */
function changed(packet: Buffer, bytes: Readonly<Record<number, number>>): Buffer {
  for (const [at, value] of Object.entries(bytes)) packet[Number(at)] = value;
  return packet;
}

export interface FilterCase {
  readonly packet: Uint8Array;
  /** Why it is dropped; undefined if it passes. */
  readonly reason?: Reason;
}

/** In this order: what passes first is what opens the way for later fragments. */
export const CASES: Readonly<Record<string, FilterCase>> = {
  'SYN and ACK': { packet: fromClone({ ...web, tcpFlags: SYN_ACK }) },
  'data in the same conversation': { packet: fromClone({ ...web, tcpFlags: ACK, payload: Buffer.from('hello') }) },
  'a reset': { packet: fromClone({ ...web, tcpFlags: RST }) },
  'a UDP answer': { packet: fromClone(dns) },
  'an echo reply': { packet: fromClone({ proto: ICMP, icmp: [0, 0] }) },
  'port unreachable': { packet: error(3, { proto: UDP, sport: 5000, dport: 53 }) },
  'time exceeded': { packet: error(11, { proto: TCP, sport: 4000, dport: 80 }) },
  'an error about an echo': { packet: error(3, { proto: ICMP, icmp: [8, 0] }) },
  'a connection that the ceiling names': { packet: fromClone({ proto: TCP, dst: SERVER, dport: 80 }) },
  'a protocol that the ceiling names': { packet: fromClone({ proto: 132, dst: SERVER, payload: new Uint8Array(16) }) },
  'a first fragment': { packet: fromClone({ ...dns, id: 900, fragment: MORE, payload: new Uint8Array(24) }) },
  'its next fragment': { packet: fromClone({ proto: UDP, id: 900, fragment: MORE | 4, payload: new Uint8Array(8) }) },
  'its last fragment': { packet: fromClone({ proto: UDP, id: 900, fragment: 5, payload: new Uint8Array(8) }) },

  'a SYN to whoever connected': { packet: fromClone({ ...web, tcpFlags: SYN }), reason: 'uncontacted' },
  'a SYN with a reset bit': { packet: fromClone({ ...web, tcpFlags: SYN | RST }), reason: 'uncontacted' },
  'an answer from another port': { packet: fromClone({ ...web, sport: 81, tcpFlags: ACK }), reason: 'uncontacted' },
  'an answer to another port': { packet: fromClone({ ...web, dport: 4003, tcpFlags: ACK }), reason: 'uncontacted' },
  'an answer to a SYN and ACK': { packet: fromClone({ ...web, dport: 4001, tcpFlags: RST }), reason: 'uncontacted' },
  'an answer to a lone ACK': { packet: fromClone({ ...web, dport: 4002, tcpFlags: RST }), reason: 'uncontacted' },
  'an answer to another host': { packet: fromClone({ ...web, dst: STRANGER, tcpFlags: ACK }), reason: 'uncontacted' },
  'an answer of another clone': { packet: fromClone({ ...web, src: CLONE + 1, tcpFlags: ACK }), reason: 'uncontacted' },
  'an answer by another protocol': { packet: fromClone({ ...web, proto: UDP }), reason: 'uncontacted' },
  'an answer to a later fragment': { packet: fromClone({ ...dns, dport: 5001 }), reason: 'uncontacted' },
  'an echo request': { packet: fromClone({ proto: ICMP, icmp: [8, 0] }), reason: 'uncontacted' },
  'an echo reply to nobody': { packet: fromClone({ proto: ICMP, icmp: [0, 0], dst: STRANGER }), reason: 'uncontacted' },
  'an echo reply with another identifier': {
    packet: changed(fromClone({ proto: ICMP, icmp: [0, 0] }), { 25: ECHO + 1 }),
    reason: 'uncontacted',
  },
  'a redirect': { packet: error(5, { proto: UDP, sport: 5000, dport: 53 }), reason: 'uncontacted' },
  'a source quench': { packet: error(4, { proto: UDP, sport: 5000, dport: 53 }), reason: 'uncontacted' },
  'an error about nothing that came': {
    packet: error(3, { proto: UDP, sport: 5000, dport: 54 }),
    reason: 'uncontacted',
  },
  'an error that is told to somebody else': {
    packet: error(3, { proto: UDP, sport: 5000, dport: 53 }, { dst: STRANGER }),
    reason: 'uncontacted',
  },
  'an error that another clone tells': {
    packet: error(3, { proto: UDP, sport: 5000, dport: 53 }, { src: CLONE + 1 }),
    reason: 'uncontacted',
  },
  'an error about what somebody else sent': {
    packet: error(3, { proto: UDP, sport: 5000, dport: 53, src: STRANGER }),
    reason: 'uncontacted',
  },
  'an error about a later fragment': {
    packet: error(3, { proto: UDP, fragment: 4, payload: Buffer.from('1388003500000000', 'hex') }),
    reason: 'uncontacted',
  },
  'an error that quotes a packet with options': {
    packet: fromClone({
      proto: ICMP,
      icmp: [3, 3],
      payload: fromOutside({ proto: UDP, sport: 5000, dport: 53, options: Buffer.from([1, 1, 1, 1]) }),
    }),
    reason: 'uncontacted',
  },
  'an error that quotes too little': {
    packet: fromClone({ proto: ICMP, icmp: [3, 3], payload: new Uint8Array(27) }),
    reason: 'malformed',
  },
  'another port of the server': { packet: fromClone({ proto: TCP, dst: SERVER, dport: 81 }), reason: 'uncontacted' },
  'another server': { packet: fromClone({ proto: TCP, dst: SERVER + 1, dport: 80 }), reason: 'uncontacted' },
  'mail to whoever connected from port 25': {
    packet: fromClone({ proto: TCP, sport: 25, dport: 25, tcpFlags: SYN_ACK }),
    reason: 'ceiling',
  },
  'a protocol that nobody names': { packet: fromClone({ proto: 253, dst: SERVER }), reason: 'ceiling' },
  'GRE in GRE': { packet: fromClone({ proto: GRE, payload: Buffer.from('00000800', 'hex') }), reason: 'ceiling' },
  multicast: { packet: fromClone({ ...dns, dst: 0xe0000001 }), reason: 'unroutable' },
  broadcast: { packet: fromClone({ ...dns, dst: 0xffffffff }), reason: 'unroutable' },
  loopback: { packet: fromClone({ ...dns, dst: 0x7f000001 }), reason: 'unroutable' },
  'IP options': { packet: fromClone({ ...web, tcpFlags: ACK, options: new Uint8Array(4) }), reason: 'malformed' },
  'IPv6 in IPv4’s place': { packet: changed(fromClone({ ...web, tcpFlags: ACK }), { 0: 0x65 }), reason: 'malformed' },
  'a TCP header that is cut': {
    packet: changed(fromClone({ ...web, tcpFlags: ACK }), { 3: 36 }),
    reason: 'malformed',
  },
  'a fragment with half a TCP header': {
    packet: changed(fromClone({ ...web, tcpFlags: ACK, fragment: MORE }), { 3: 28 }),
    reason: 'malformed',
  },
  'a UDP header that is cut': { packet: changed(fromClone(dns), { 3: 24 }), reason: 'malformed' },
  'a fragment of an unknown datagram': {
    packet: fromClone({ proto: UDP, id: 901, fragment: 4, payload: new Uint8Array(8) }),
    reason: 'fragment',
  },
  'a fragment that overlaps the header': {
    packet: fromClone({ proto: UDP, id: 900, fragment: 1, payload: new Uint8Array(64) }),
    reason: 'fragment',
  },
  'a fragment of another protocol': {
    packet: fromClone({ proto: TCP, id: 900, fragment: 4, payload: new Uint8Array(8) }),
    reason: 'fragment',
  },
};
