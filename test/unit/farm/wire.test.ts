import t from 'tap';
import {
  announces,
  answerArp,
  cloneMac,
  ETHERTYPE,
  etherType,
  frame,
  GATEWAY_MAC,
  gatewayOf,
  unframe,
} from '../../../src/farm/wire.js';
import { Packets } from '../../../src/packet/packets.js';

function put(bytes: Uint8Array): [Packets, number] {
  const packets = new Packets();
  const row = packets.take();
  packets.bytes.set(bytes, packets.start[row]!);
  packets.length[row] = bytes.length;
  return [packets, row];
}

function arpRequest(mac: Uint8Array, sender: number, target: number): Buffer {
  const bytes = Buffer.alloc(60);
  bytes.fill(0xff, 0, 6);
  bytes.set(mac, 6);
  bytes.writeUInt16BE(ETHERTYPE.arp, 12);
  bytes.set([0, 1, 8, 0, 6, 4, 0, 1], 14);
  bytes.set(mac, 22);
  bytes.writeUInt32BE(sender, 28);
  bytes.writeUInt32BE(target, 38);
  return bytes;
}

t.test('frame and unframe leave the packet as it was', async (t) => {
  const [packets, row] = put(Buffer.from('450000140000', 'hex'));
  frame(packets, row, cloneMac(7));
  t.equal(etherType(packets, row), ETHERTYPE.ipv4);
  t.equal(Buffer.from(packets.packet(row)).toString('hex'), '025000000007020000000001' + '0800' + '450000140000');
  unframe(packets, row);
  t.equal(Buffer.from(packets.packet(row)).toString('hex'), '450000140000');
});

t.test('the gateway answers ARP for every address but the clone’s own', async (t) => {
  const mac = cloneMac(7);
  const [packets, row] = put(arpRequest(mac, 0x0a630001, 0x01020304));
  t.equal(answerArp(packets, row, 0x0a630001, mac), true);
  const answer = Buffer.from(packets.packet(row));
  t.equal(answer.length, 42);
  t.same(answer.subarray(0, 6), mac);
  t.equal(answer.readUInt16BE(20), 2, 'a reply');
  t.same(answer.subarray(22, 28), GATEWAY_MAC);
  t.equal(answer.readUInt32BE(28), 0x01020304, 'for the address that was asked for');
  t.equal(answer.readUInt32BE(38), 0x0a630001);
  t.same(answer.subarray(32, 38), mac);

  const [own, ownRow] = put(arpRequest(mac, 0, 0x0a630001));
  t.equal(answerArp(own, ownRow, 0x0a630001, mac), false, 'a probe for its own address goes unanswered');
  const [short, shortRow] = put(arpRequest(mac, 1, 2).subarray(0, 41));
  t.equal(answerArp(short, shortRow, 1, mac), false, 'a truncated one as well');
});

t.test('a gratuitous ARP message announces an address, and asks for nothing', async (t) => {
  const mac = cloneMac(7);
  const address = 0xc0000207;
  const announcement = arpRequest(mac, address, address);
  const announced = (bytes: Uint8Array) => announces(...put(bytes));
  const edit = (at: number, ...bytes: number[]) => {
    const copy = Buffer.from(announcement);
    copy.set(bytes, at);
    return copy;
  };
  t.equal(announced(announcement), address);
  t.equal(announced(announcement.subarray(0, 42)), address, 'without padding');
  t.equal(announced(edit(20, 0, 2)), address, 'as a reply');
  t.equal(announced(arpRequest(mac, address, address + 1)), 0, 'a request');
  t.equal(announced(arpRequest(mac, 0, address)), 0, 'a probe');
  t.equal(announced(arpRequest(mac, 0, 0)), 0, 'no address');
  t.equal(announced(announcement.subarray(0, 41)), 0, 'cut short');
  t.equal(announced(Buffer.alloc(0)), 0);
  t.equal(announced(edit(12, 0x80, 0x35)), 0, 'RARP');
  t.equal(announced(edit(12, 8, 0)), 0, 'IPv4');
  t.equal(announced(edit(14, 0, 6)), 0, 'another link layer');
  t.equal(announced(edit(16, 0x86, 0xdd)), 0, 'another protocol');
  t.equal(announced(edit(18, 8, 4)), 0, 'other lengths');
  t.equal(announced(edit(20, 0, 3)), 0, 'another operation');

  const [packets, row] = put(announcement);
  t.equal(answerArp(packets, row, 0x0a630001, mac), false, 'or a clone could not change its address');
  t.strictSame(Buffer.from(packets.packet(row)), announcement);
});

t.test('the gateway is the first address of a /24, or the last one', async (t) => {
  t.equal(gatewayOf(0x0a630105), 0x0a630101);
  t.equal(gatewayOf(0xffffff00), 0xffffff01);
  t.equal(gatewayOf(0xcb007101), 0xcb0071fe);
});
