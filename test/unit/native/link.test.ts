import { readFileSync } from 'node:fs';
import t from 'tap';
import { native } from '../../../src/native/addon.js';
import { Batch } from '../../../src/packet/batch.js';
import { CaptureReader } from '../../../src/packet/capture.js';
import { FAULT } from '../../../src/packet/faults.js';
import { Packets } from '../../../src/packet/packets.js';
import { udp } from './build.js';

const NULL = 0;
const ETHERNET = 1;
const RAW = 101;
const LOOP = 108;
const SLL = 113;
const IPV4 = 228;
const SLL2 = 276;

const macs = Array<number>(12).fill(2);
const frame = (...bytes: number[]): Buffer => Buffer.concat([Buffer.from(bytes), udp()]);
const short = -FAULT['link-truncated'];
const other = -FAULT['not-ipv4'];

t.test('where the IPv4 packet begins', async (t) => {
  const cases: [what: string, linkType: number, frame: Buffer, found: number][] = [
    ['Ethernet', ETHERNET, frame(...macs, 0x08, 0), 14],
    ['802.1Q', ETHERNET, frame(...macs, 0x81, 0, 0, 1, 0x08, 0), 18],
    ['802.1ad', ETHERNET, frame(...macs, 0x88, 0xa8, 0, 1, 0x81, 0, 0, 2, 0x08, 0), 22],
    ['four tags', ETHERNET, frame(...macs, ...Array(4).fill([0x91, 0, 0, 1]).flat(), 0x08, 0), 30],
    ['five tags', ETHERNET, frame(...macs, ...Array(5).fill([0x81, 0, 0, 1]).flat(), 0x08, 0), other],
    ['ARP', ETHERNET, frame(...macs, 0x08, 0x06), other],
    ['IPv6', ETHERNET, frame(...macs, 0x86, 0xdd), other],
    ['802.3 with a length', ETHERNET, frame(...macs, 0, 60), other],
    ['raw', RAW, udp(), 0],
    ['raw, by other numbers', 12, udp(), 0],
    ['raw, by other numbers', 14, udp(), 0],
    ['raw IPv6', RAW, Buffer.alloc(40, 0x60), other],
    ['raw without a byte', RAW, Buffer.alloc(0), short],
    ['IPV4', IPV4, Buffer.alloc(40, 0x60), 0],
    ['NULL, little end first', NULL, frame(2, 0, 0, 0), 4],
    ['NULL, big end first', NULL, frame(0, 0, 0, 2), 4],
    ['NULL with IPv6', NULL, frame(30, 0, 0, 0), other],
    ['NULL of 3 bytes', NULL, Buffer.from([2, 0, 0]), short],
    ['LOOP', LOOP, frame(0, 0, 0, 2), 4],
    ['SLL', SLL, frame(...Array<number>(14).fill(0), 0x08, 0), 16],
    ['SLL, tagged', SLL, frame(...Array<number>(14).fill(0), 0x81, 0, 0, 1, 0x08, 0), 20],
    ['SLL with ARP', SLL, frame(...Array<number>(14).fill(0), 0x08, 0x06), other],
    ['SLL2', SLL2, frame(0x08, 0, ...Array<number>(18).fill(0)), 20],
    ['SLL2 with IPv6', SLL2, frame(0x86, 0xdd, ...Array<number>(18).fill(0)), other],
    ['a type that is not known', 147, udp(), other],
  ];
  for (const [what, linkType, bytes, found] of cases) t.equal(native.linkStrip(linkType, bytes), found, what);
});

t.test('a header that is cut off anywhere is truncated', async (t) => {
  const headers: [number, number[]][] = [
    [ETHERNET, [...macs, 0x88, 0xa8, 0, 1, 0x81, 0, 0, 2, 0x08, 0]],
    [SLL, [...Array<number>(14).fill(0), 0x81, 0, 0, 1, 0x08, 0]],
    [SLL2, [0x08, 0, ...Array<number>(18).fill(0)]],
    [LOOP, [0, 0, 0, 2]],
  ];
  for (const [linkType, header] of headers) {
    for (let length = 0; length < header.length; length++) {
      t.equal(native.linkStrip(linkType, Buffer.from(header.slice(0, length))), short, `${linkType}: ${length} bytes`);
    }
    t.equal(native.linkStrip(linkType, Buffer.from(header)), header.length);
  }
});

t.test('captures of each kind', async (t) => {
  const cases: [file: string, ipv4: number, others: number][] = [
    ['arkime__dot1ad.pcap', 2, 0],
    ['packetnet__802.1q_vlan_ipv4_tcp.pcap', 1, 0],
    ['packetnet__linktype_null_capture.pcap', 1, 1],
    ['pcapplusplus__nanosecs_big_endian.pcap', 10, 0],
    ['pcapplusplus__raw_ip.pcap', 50, 50],
    ['suricata-verify__decode-sll2-01.pcap', 5, 0],
    ['tcpdump__LINKTYPE_IPV4.pcap', 1, 0],
    ['tcpdump__LINKTYPE_RAW_ipv4.pcap', 1, 0],
    ['tcpdump__tcp-handshake-nano.pcap', 3, 0],
  ];
  for (const [file, ipv4, others] of cases) {
    const packets = new Packets();
    new CaptureReader().read(readFileSync(`test/data/linktypes/${file}`), packets, new Batch());
    const faults = [...packets.fault.subarray(0, packets.used)];
    t.equal(faults.filter((fault) => fault === 0).length, ipv4, file);
    t.equal(faults.filter((fault) => fault === FAULT['not-ipv4']).length, others, file);
    for (const [row, fault] of faults.entries()) {
      if (fault === 0) t.equal(packets.packet(row)[0]! >> 4, 4, `${file}: packet ${row} is IPv4`);
    }
  }
});
