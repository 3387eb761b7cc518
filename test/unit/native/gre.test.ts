import t from 'tap';
import { native } from '../../../src/native/addon.js';
import { ROWS } from '../../../src/packet/columns.js';
import type { FaultName } from '../../../src/packet/faults.js';
import { makeTunnel, restartTunnel, type TunnelOptions } from '../../../src/packet/tunnel.js';
import { checksum, faultOf, gre, ipv4, LOCAL, REMOTE, tableOf, tcp, u16, u32, udp } from './build.js';

const tunnelOf = (options: Partial<TunnelOptions> = {}) => makeTunnel({ local: LOCAL, remote: REMOTE, ...options });

function decapsulate(bytes: Uint8Array, tunnel = tunnelOf()) {
  const { packets, batch } = tableOf(bytes);
  const judged = native.greDecapsulate(packets.bytes, batch.rows, batch.count, tunnel);
  t.equal(judged, packets.fault[0] === 0 ? packets.length[0] : -1, 'bytes, or minus the number of faults');
  return { packets, fault: faultOf(packets) };
}

const C = 0x8000;
const K = 0x2000;
const S = 0x1000;
const inner = udp();

/** A tunnel packet with a GRE checksum over the header and what follows. */
function summed(payload: Uint8Array, flags = C, options: readonly number[] = []): Buffer {
  const body = Buffer.from([...u16(flags), 0x08, 0x00, 0, 0, 0, 0, ...options, ...payload]);
  return gre(payload, { flags, options: [...u16(checksum(body)), 0, 0, ...options] });
}

t.test('a plain tunnel packet', async (t) => {
  const { packets, fault } = decapsulate(Buffer.concat([gre(inner), Buffer.alloc(9)]), tunnelOf({ number: 3 }));
  t.equal(fault, 'none');
  t.strictSame(Buffer.from(packets.packet(0)), inner, 'without what follows the total length');
  t.strictSame([packets.tunnel[0], packets.key[0]], [4, 0]);
});

t.test('all options', async (t) => {
  for (const flags of [0, C, K, S, C | K, C | S, K | S, C | K | S]) {
    const options = [...(flags & K ? u32(0xdeadbeef) : []), ...(flags & S ? u32(5) : [])];
    const bytes = flags & C ? summed(inner, flags, options) : gre(inner, { flags, options });
    const { packets, fault } = decapsulate(bytes);
    t.equal(fault, 'none', `flags ${flags.toString(16)}`);
    t.strictSame(Buffer.from(packets.packet(0)), inner);
    t.equal(packets.key[0], flags & K ? 0xdeadbeef : 0);
    for (let length = 20; length < bytes.length - inner.length; length++) {
      const short = ipv4({ proto: 47, src: REMOTE, dst: LOCAL, body: bytes.subarray(20, length) });
      t.equal(decapsulate(short).fault, 'gre-truncated', `flags ${flags.toString(16)}, ${length} bytes`);
    }
  }
});

t.test('an odd number of bytes under the checksum', async (t) => {
  t.equal(decapsulate(summed(Buffer.from([1, 2, 3]))).fault, 'none');
});

t.test('outer options', async (t) => {
  const body = gre(inner).subarray(20);
  const { packets, fault } = decapsulate(ipv4({ proto: 47, src: REMOTE, dst: LOCAL, options: [1, 1, 1, 0], body }));
  t.equal(fault, 'none');
  t.strictSame(Buffer.from(packets.packet(0)), inner);
});

t.test('every fault', async (t) => {
  const plain = gre(inner);
  const body = plain.subarray(20);
  const outer = { proto: 47, src: REMOTE, dst: LOCAL, body };
  const cases: [FaultName, string, Buffer, Partial<TunnelOptions>?][] = [
    ['ip-truncated', 'no packet', Buffer.alloc(3)],
    ['ip-version', 'IPv6', Buffer.alloc(60, 0x60)],
    ['ip-checksum', 'outer checksum', Buffer.from(plain).fill(9, 8, 9)],
    ['ip-total-length', 'outer length', plain.subarray(0, -1)],
    ['not-gre', 'UDP', udp()],
    ['not-gre', 'a fragment of something else', ipv4({ proto: 17, fragment: 1 })],
    ['outer-fragment', 'a first fragment', ipv4({ ...outer, fragment: 0x2000 })],
    ['outer-fragment', 'a later fragment', ipv4({ ...outer, fragment: 1 })],
    ['gre-peer', 'source', ipv4({ ...outer, src: REMOTE + 1 })],
    ['gre-peer', 'destination', ipv4({ ...outer, dst: LOCAL + 1 })],
    ['gre-truncated', '3 bytes', ipv4({ ...outer, body: body.subarray(0, 3) })],
    ['gre-pptp', 'version 1', gre(inner, { flags: 0x3001, protocol: 0x880b, options: u32(0).concat(u32(1)) })],
    ['gre-pptp', 'version 1 that announces IPv4', gre(inner, { flags: 1 })],
    ['gre-version', 'version 2', gre(inner, { flags: 2 })],
    ['gre-version', 'version 7', gre(inner, { flags: 7 })],
    [
      'gre-routing',
      'RFC 1701',
      gre(inner, { flags: 0x4000, options: [0, 0, 0, 0, 0x08, 0, 0, 4, 1, 2, 3, 4, 0, 0, 0, 0] }),
    ],
    ['gre-reserved', 'bit 4', gre(inner, { flags: 0x0800 })],
    ['gre-reserved', 'bit 5', gre(inner, { flags: 0x0400 })],
    ['gre-protocol', 'IPv6', gre(inner, { protocol: 0x86dd })],
    ['gre-protocol', 'Ethernet when it was not asked for', gre(inner, { protocol: 0x6558 })],
    [
      'gre-protocol',
      'Ethernet with ARP',
      gre(Buffer.from([...Array(12).fill(2), 0x08, 0x06]), { protocol: 0x6558 }),
      { ethernet: true },
    ],
    ['gre-checksum', 'one bit off', Buffer.from(summed(inner)).fill(0xff, 50, 51)],
    ['gre-key', 'another', gre(inner, { flags: K, options: u32(8) }), { key: 7 }],
    ['gre-key', 'none', gre(inner), { key: 7 }],
    ['gre-key', 'none where 0 is the key', gre(inner), { key: 0 }],
  ];
  for (const [expected, what, bytes, options] of cases) {
    const { packets, fault } = decapsulate(bytes, tunnelOf(options));
    t.equal(fault, expected, what);
    t.strictSame(Buffer.from(packets.packet(0)), bytes, `${what}: the row stays as it was`);
    t.equal(packets.tunnel[0], 0);
  }
});

t.test('bits 6 to 12 are ignored', async (t) => {
  for (let bit = 6; bit <= 12; bit++) {
    t.equal(decapsulate(gre(inner, { flags: 0x8000 >>> bit })).fault, 'none', `bit ${bit}`);
  }
});

t.test('what is not configured is not checked', async (t) => {
  const any = makeTunnel({ local: 0, remote: 0 });
  t.equal(decapsulate(ipv4({ proto: 47, src: 1, dst: 2, body: gre(inner).subarray(20) }), any).fault, 'none');
  t.equal(decapsulate(gre(inner, { flags: K, options: u32(8) }), tunnelOf({ key: 8 })).fault, 'none');
});

t.test('bridged Ethernet', async (t) => {
  const tagged = Buffer.from([...Array(12).fill(2), 0x81, 0, 0, 5, 0x08, 0, ...inner]);
  const { packets, fault } = decapsulate(gre(tagged, { protocol: 0x6558 }), tunnelOf({ ethernet: true }));
  t.equal(fault, 'none');
  t.strictSame(Buffer.from(packets.packet(0)), inner);
});

t.test('sequence numbers', async (t) => {
  const tunnel = tunnelOf();
  const numbered = (sequence: number) => decapsulate(gre(inner, { flags: S, options: u32(sequence) }), tunnel).fault;
  t.equal(numbered(0xffff_fff0), 'none', 'the first is accepted whatever it is');
  t.equal(numbered(0xffff_fff0), 'gre-sequence', 'the same again is old');
  t.equal(numbered(0xffff_ffef), 'gre-sequence');
  t.equal(numbered(0xffff_ffff), 'none', 'a gap is not a fault');
  t.equal(numbered(0), 'none', 'it wraps around');
  t.equal(numbered(0xffff_ffff), 'gre-sequence', '… and looks back across the wrap');
  t.equal(numbered(0x8000_0001), 'gre-sequence', '2^31 - 1 before is the oldest that is old');
  t.equal(numbered(0x8000_0000), 'none', '2^31 before is new');
  t.equal(decapsulate(gre(inner), tunnel).fault, 'none', 'packets without a number are not ordered');
  restartTunnel(tunnel);
  t.equal(numbered(5), 'none');
  t.equal(decapsulate(gre(inner, { flags: S, options: u32(4) }), tunnelOf({ order: false })).fault, 'none');
  t.equal(numbered(4), 'gre-sequence');
});

t.test('a packet that is refused does not move the sequence', async (t) => {
  const tunnel = tunnelOf({ key: 1 });
  const send = (key: number, sequence: number) =>
    decapsulate(gre(inner, { flags: K | S, options: [...u32(key), ...u32(sequence)] }), tunnel).fault;
  t.equal(send(1, 10), 'none');
  t.equal(send(2, 1000), 'gre-key');
  t.equal(send(1, 11), 'none');
});

t.test('encapsulation', async (t) => {
  const cases: [Partial<TunnelOptions>, Buffer][] = [
    [{}, gre(inner)],
    [{ key: 0xdeadbeef }, gre(inner, { flags: K, options: u32(0xdeadbeef) })],
    [{ sequence: true }, gre(inner, { flags: S, options: u32(0) })],
    [{ checksum: true }, summed(inner)],
    [{ checksum: true, key: 1, sequence: true }, summed(inner, C | K | S, [...u32(1), ...u32(0)])],
    [{ key: 'row' }, gre(inner, { flags: K, options: u32(42) })],
  ];
  for (const [options, expected] of cases) {
    const { packets, batch } = tableOf(inner);
    packets.key[0] = 42;
    packets.sport[0] = 1;
    t.equal(
      native.greEncapsulate(packets.bytes, batch.rows, 1, tunnelOf({ ...options, local: REMOTE, remote: LOCAL })),
      0,
    );
    const outer = Buffer.from(packets.packet(0));
    t.strictSame([outer.readUInt16BE(4), outer.readUInt16BE(6), outer[8]], [0, 0x4000, 64], 'id 0, DF, TTL 64');
    t.equal(checksum(outer.subarray(0, 20)), 0);
    t.strictSame([outer.readUInt32BE(12), outer.readUInt32BE(16)], [REMOTE, LOCAL]);
    t.strictSame(outer.subarray(20), expected.subarray(20), JSON.stringify(options));
    t.strictSame(
      [packets.src[0], packets.dst[0], packets.proto[0], packets.sport[0], packets.ipHeader[0], packets.payload[0]],
      [REMOTE, LOCAL, 47, 0, 20, 20],
      'the columns describe the outer packet',
    );
  }
});

t.test('sequence numbers count packets and wrap', async (t) => {
  const { packets, batch } = tableOf(inner, inner, inner);
  const tunnel = tunnelOf({ sequence: true });
  tunnel[7] = 0xffff_fffe;
  native.greEncapsulate(packets.bytes, batch.rows, 3, tunnel);
  const sent = [0, 1, 2].map((row) => Buffer.from(packets.packet(row)).readUInt32BE(24));
  t.strictSame(sent, [0xffff_fffe, 0xffff_ffff, 0]);
});

t.test('without headroom a row is refused', async (t) => {
  const { packets, batch } = tableOf(inner);
  packets.start[0] = packets.slot(0) + 23;
  const before = Buffer.from(packets.bytes.subarray(packets.slot(0), packets.slot(1)));
  t.equal(native.greEncapsulate(packets.bytes, batch.rows, 1, tunnelOf()), 1);
  t.equal(faultOf(packets), 'oversize');
  t.strictSame(Buffer.from(packets.bytes.subarray(packets.slot(0), packets.slot(1))), before);
  packets.start[0] = packets.slot(0) + 24;
  t.equal(native.greEncapsulate(packets.bytes, batch.rows, 1, tunnelOf()), 0);
  t.equal(packets.start[0], packets.slot(0));
});

t.test('a batch is judged row by row', async (t) => {
  const { packets, batch } = tableOf(gre(inner), udp(), gre(tcp()), Buffer.alloc(0));
  t.equal(native.greDecapsulate(packets.bytes, batch.rows, batch.count, tunnelOf()), -2);
  t.strictSame(
    [0, 1, 2, 3].map((row) => faultOf(packets, row)),
    ['none', 'not-gre', 'none', 'ip-truncated'],
  );
});

t.test('arguments', async (t) => {
  const { packets, batch } = tableOf(gre(inner));
  t.throws(() => native.greDecapsulate(packets.bytes, batch.rows, 1, new Uint32Array(7)), TypeError);
  t.throws(() => native.greDecapsulate(packets.bytes, batch.rows, ROWS + 1, tunnelOf()), RangeError);
  t.throws(() => makeTunnel({ local: -1, remote: 0 }), RangeError);
  t.throws(() => makeTunnel({ local: 0, remote: 0, key: 2 ** 32 }), RangeError);
  t.throws(() => makeTunnel({ local: 0, remote: 0, number: 255 }), RangeError);
});
