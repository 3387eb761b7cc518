import t from 'tap';
import { answerArp, cloneMac, ETHERTYPE, etherType, frame, GATEWAY_MAC, unframe } from '../../../src/farm/wire.js';
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
