import t from 'tap';
import { isAstray } from '../../../../src/control/lab/astray.js';
import { decapsulate, encapsulate } from '../../../../src/control/lab/gre.js';
import { parseAddress } from '../../../../src/packet/address.js';
import { Packets } from '../../../../src/packet/packets.js';
import { samplePacket } from '../../../../src/packet/sample.js';

function put(bytes: Uint8Array): { packets: Packets; row: number } {
  const packets = new Packets();
  const row = packets.take();
  packets.bytes.set(bytes, packets.start[row]!);
  packets.length[row] = bytes.length;
  return { packets, row };
}

/** An outer header without a checksum, a GRE header of these bytes, and an inner packet. */
function tunnelled(gre: readonly number[], inner: Uint8Array = samplePacket()): Uint8Array {
  return Uint8Array.of(0x45, 0, 0, 0, 0, 0, 0, 0, 64, 47, 0, 0, 192, 0, 2, 2, 192, 0, 2, 1, ...gre, ...inner);
}

t.test('what goes in comes out', async (t) => {
  const { packets, row } = put(samplePacket());
  encapsulate(packets, row, 0xc0000201, 0xc0000202);
  const outer = Buffer.from(packets.packet(row));
  t.equal(outer.length, 24 + 64);
  t.equal(outer.subarray(0, 24).toString('hex'), '4500000000000000402f0000c0000201c000020200000800');
  t.ok(decapsulate(packets, row));
  t.same(packets.packet(row), samplePacket());
});

t.test('checksum, key and sequence number are stepped over', async (t) => {
  for (const [flags, options] of [
    [0x80, 4],
    [0x20, 4],
    [0x10, 4],
    [0xb0, 12],
  ] as const) {
    const { packets, row } = put(tunnelled([flags, 0, 8, 0, ...new Uint8Array(options)]));
    t.ok(decapsulate(packets, row));
    t.same(packets.packet(row), samplePacket());
  }
});

t.test('what is no IPv4 in GRE is refused', async (t) => {
  const other = tunnelled([0, 0, 8, 0]);
  other[9] = 17;
  const version6 = samplePacket();
  version6[0] = 0x60;
  const refused = {
    'another protocol': other,
    'a version': tunnelled([0, 1, 8, 0]),
    routing: tunnelled([0x40, 0, 8, 0]),
    'another payload': tunnelled([0, 0, 0x86, 0xdd]),
    'another inner version': tunnelled([0, 0, 8, 0], version6),
    'no inner header': tunnelled([0, 0, 8, 0], new Uint8Array(19).fill(0x45)),
    'options that are cut off': tunnelled([0xb0, 0, 8, 0], new Uint8Array(11).fill(0x45)),
    nothing: new Uint8Array(0),
    'a header beyond the end': tunnelled([0, 0, 8, 0], new Uint8Array(0)).fill(0x4f, 0, 1),
  };
  for (const [name, bytes] of Object.entries(refused)) {
    const { packets, row } = put(bytes);
    t.notOk(decapsulate(packets, row), name);
    t.same(packets.packet(row), bytes, `${name}: unchanged`);
  }
});

t.test('a packet is astray unless it goes from the telescope to the attacker', async (t) => {
  for (const [src, dst, astray] of [
    ['10.99.0.1', '198.51.100.50', false],
    ['10.99.255.255', '198.51.100.1', false],
    ['10.98.0.1', '198.51.100.1', true],
    ['10.99.0.1', '198.51.101.1', true],
    ['10.99.0.1', '10.99.0.2', true],
    ['10.99.0.1', '8.8.8.8', true],
  ] as const) {
    const { packets, row } = put(samplePacket());
    packets.view.setUint32(packets.start[row]! + 12, parseAddress(src)!);
    packets.view.setUint32(packets.start[row]! + 16, parseAddress(dst)!);
    t.equal(isAstray(packets, row), astray, `${src} to ${dst}`);
  }
});
