import t from 'tap';
import { native } from '../../../src/native/addon.js';
import { CHECK } from '../../../src/native/ip.js';
import { ROWS } from '../../../src/packet/columns.js';
import type { FaultName } from '../../../src/packet/faults.js';
import {
  checksum,
  DST,
  faultOf,
  icmp,
  icmpBody,
  ipv4,
  SRC,
  tableOf,
  tcp,
  tcpBody,
  u16,
  udp,
  udpBody,
} from './build.js';

function check(bytes: Uint8Array, flags: number = CHECK.transport) {
  const { packets, batch } = tableOf(bytes);
  const judged = native.ipCheck(packets.bytes, batch.rows, batch.count, flags);
  t.equal(judged, packets.fault[0] === 0 ? packets.length[0] : -1, 'bytes, or minus the number of faults');
  return { packets, fault: faultOf(packets) };
}

const edited = (bytes: Buffer, edit: (bytes: Buffer) => void): Buffer => {
  const copy = Buffer.from(bytes);
  edit(copy);
  return copy;
};

/** Sets bytes of an IPv4 header and makes its checksum right again. */
const header = (bytes: Buffer, edit: (bytes: Buffer) => void): Buffer =>
  edited(bytes, (copy) => {
    edit(copy);
    copy.writeUInt16BE(0, 10);
    copy.writeUInt16BE(checksum(copy.subarray(0, 20)), 10);
  });

t.test('a TCP packet fills the columns', async (t) => {
  const bytes = tcp({ data: Buffer.from('abc'), flags: 0x18, options: [2, 4, 5, 0xb4] });
  const { packets, fault } = check(Buffer.concat([bytes, Buffer.alloc(6)]));
  t.equal(fault, 'none');
  t.strictSame(
    [packets.src[0], packets.dst[0], packets.sport[0], packets.dport[0], packets.proto[0]],
    [SRC, DST, 40000, 445, 6],
  );
  t.equal(packets.tcpFlags[0], 0x18);
  t.equal(packets.ipHeader[0], 20);
  t.equal(packets.payload[0], 44);
  t.equal(packets.fragment[0], 0);
  t.equal(packets.length[0], bytes.length, 'padding behind the total length is cut off');
  t.equal(Buffer.from(packets.packet(0).subarray(packets.payload[0])).toString(), 'abc');
});

t.test('UDP, ICMP and others fill the columns', async (t) => {
  const datagram = check(udp({ sport: 1, dport: 2 })).packets;
  t.strictSame([datagram.sport[0], datagram.dport[0], datagram.payload[0], datagram.tcpFlags[0]], [1, 2, 28, 0]);

  const echo = check(icmp({ identifier: 0xabcd })).packets;
  t.strictSame([echo.sport[0], echo.dport[0], echo.payload[0]], [8 * 256, 0xabcd, 28]);

  const unreachable = check(icmp({ type: 3, code: 1, identifier: 9 })).packets;
  t.strictSame([unreachable.sport[0], unreachable.dport[0]], [3 * 256 + 1, 0], 'an error has no identifier');

  const other = check(ipv4({ proto: 132, body: Buffer.alloc(12, 1) })).packets;
  t.strictSame([other.proto[0], other.sport[0], other.dport[0], other.payload[0]], [132, 0, 0, 20]);
});

t.test('options move the transport header', async (t) => {
  const { packets, fault } = check(ipv4({ proto: 17, options: [1, 148, 4, 0, 0, 0, 0, 0], body: udpBody() }));
  t.equal(fault, 'none');
  t.strictSame([packets.ipHeader[0], packets.sport[0], packets.payload[0]], [28, 5353, 36]);
});

t.test('every IPv4 fault', async (t) => {
  const sound = udp();
  const cases: [FaultName, string, Buffer][] = [
    ['ip-truncated', 'no bytes', Buffer.alloc(0)],
    ['ip-truncated', '19 bytes', sound.subarray(0, 19)],
    ['ip-version', 'version 6', header(sound, (b) => b.writeUInt8(0x65, 0))],
    ['ip-header-length', 'four words', header(sound, (b) => b.writeUInt8(0x44, 0))],
    ['ip-header-length', 'beyond the packet', header(sound, (b) => b.writeUInt8(0x4f, 0))],
    ['ip-total-length', 'below the header', header(sound, (b) => b.writeUInt16BE(19, 2))],
    ['ip-total-length', 'one byte too many', header(sound, (b) => b.writeUInt16BE(b.length + 1, 2))],
    ['ip-checksum', 'one bit off', edited(sound, (b) => b.writeUInt8(b[8]! ^ 1, 8))],
    [
      'ip-checksum',
      'one bit off in an option',
      edited(ipv4({ proto: 17, options: [1, 1, 1, 1] }), (b) => b.fill(0, 23, 24)),
    ],
    ['ip-options', 'length 0', ipv4({ proto: 17, options: [7, 0, 0, 0] })],
    ['ip-options', 'length 1', ipv4({ proto: 17, options: [7, 1, 0, 0] })],
    ['ip-options', 'beyond the header', ipv4({ proto: 17, options: [7, 5, 4, 0] })],
    ['ip-options', 'no length byte', ipv4({ proto: 17, options: [1, 1, 1, 7] })],
    ['ip-options', 'a route pointer into the option itself', ipv4({ proto: 17, options: [131, 4, 3, 0] })],
    ['ip-options', 'a router alert of 3 bytes', ipv4({ proto: 17, options: [148, 3, 0, 0] })],
    ['ip-fragment', 'a middle one of 5 bytes', ipv4({ proto: 17, fragment: 0x2001, body: Buffer.alloc(5) })],
    ['ip-fragment', 'over TCP flags', ipv4({ proto: 6, fragment: 1, body: Buffer.alloc(8) })],
    ['ip-fragment', 'beyond 65,535', ipv4({ proto: 17, fragment: 0x1fff, body: Buffer.alloc(24) })],
    ['ip-fragment', 'beyond 65,535 with its header', ipv4({ proto: 17, fragment: 0x1ffd, body: Buffer.alloc(8) })],
  ];
  for (const [expected, what, bytes] of cases) {
    t.equal(check(bytes).fault, expected, what);
    t.equal(check(bytes, CHECK.headers).fault, expected, `${what}, headers only`);
  }
});

t.test('every transport fault, and only if asked for', async (t) => {
  const cases: [FaultName, string, Buffer][] = [
    ['transport-truncated', 'TCP of 19 bytes', ipv4({ proto: 6, body: tcpBody().subarray(0, 19) })],
    ['transport-truncated', 'UDP of 7 bytes', ipv4({ proto: 17, body: udpBody().subarray(0, 7) })],
    ['transport-truncated', 'ICMP of 7 bytes', ipv4({ proto: 1, body: icmpBody().subarray(0, 7) })],
    ['transport-truncated', 'an empty first fragment', ipv4({ proto: 6, fragment: 0x2000 })],
    ['transport-truncated', 'TCP flags elsewhere', ipv4({ proto: 6, fragment: 0x2000, body: Buffer.alloc(8) })],
    ['tcp-header-length', 'four words', ipv4({ proto: 6, body: edited(tcpBody(), (b) => b.writeUInt8(0x40, 12)) })],
    [
      'tcp-header-length',
      'beyond the packet',
      ipv4({ proto: 6, body: edited(tcpBody(), (b) => b.writeUInt8(0x60, 12)) }),
    ],
    ['udp-length', '7', ipv4({ proto: 17, body: edited(udpBody(), (b) => b.writeUInt16BE(7, 4)) })],
    ['udp-length', 'beyond the packet', ipv4({ proto: 17, body: edited(udpBody(), (b) => b.writeUInt16BE(14, 4)) })],
    ['transport-checksum', 'TCP', ipv4({ proto: 6, body: edited(tcpBody(), (b) => b.writeUInt8(1, 8)) })],
    [
      'transport-checksum',
      'UDP, last odd byte',
      ipv4({ proto: 17, body: edited(udpBody(), (b) => b.writeUInt8(0, 12)) }),
    ],
    ['transport-checksum', 'ICMP', ipv4({ proto: 1, body: edited(icmpBody(), (b) => b.writeUInt8(0, 8)) })],
    ['transport-checksum', 'UDP to another address', ipv4({ proto: 17, dst: DST + 1, body: udpBody() })],
  ];
  for (const [expected, what, bytes] of cases) {
    t.equal(check(bytes).fault, expected, what);
    t.equal(check(bytes, CHECK.headers).fault, 'none', `${what}, headers only`);
  }
});

t.test('what is unusual but sound', async (t) => {
  t.equal(
    check(ipv4({ proto: 17, body: edited(udpBody(), (b) => b.writeUInt16BE(0, 6)) })).fault,
    'none',
    'no UDP checksum',
  );
  t.equal(
    check(ipv4({ proto: 17, body: Buffer.concat([udpBody(), Buffer.from('xyz')]) })).fault,
    'none',
    'bytes behind a UDP datagram are not under its checksum',
  );
  t.equal(
    check(ipv4({ proto: 17, options: [0, 7, 0, 0], body: udpBody() })).fault,
    'none',
    'anything behind the end of options',
  );
  t.equal(
    check(header(udp(), (b) => b.writeUInt16BE(0xc000, 6))).fault,
    'none',
    'the other flags do not make a fragment',
  );
});

t.test('fragments', async (t) => {
  t.equal(check(ipv4({ proto: 17, fragment: 0x1ffc, body: Buffer.alloc(11) })).fault, 'none', 'to the last byte');
  const body = tcpBody({ data: Buffer.alloc(20, 7), flags: 2 });
  const first = check(ipv4({ proto: 6, fragment: 0x2000, body: body.subarray(0, 24) })).packets;
  t.strictSame([first.fragment[0], first.sport[0], first.tcpFlags[0], first.fault[0]], [1, 40000, 2, 0]);
  const tiny = check(ipv4({ proto: 6, fragment: 0x2000, body: body.subarray(0, 8) }), CHECK.headers).packets;
  t.strictSame(
    [tiny.fragment[0], tiny.dport[0], tiny.tcpFlags[0], tiny.payload[0]],
    [1, 445, 0, 28],
    'ports alone suffice where nobody asks for more',
  );
  const later = check(ipv4({ proto: 6, fragment: 3, body: body.subarray(24) })).packets;
  t.strictSame([later.fragment[0], later.sport[0], later.dport[0], later.payload[0], later.fault[0]], [2, 0, 0, 20, 0]);
});

t.test('a fault does not outlive its packet', async (t) => {
  const { packets, batch } = tableOf(udp());
  packets.fault[0] = 9;
  t.ok(native.ipCheck(packets.bytes, batch.rows, 1, 0) >= 0);
  t.equal(packets.fault[0], 0);
});

t.test('checksums of all lengths are those of the plain sum, carries and all', async (t) => {
  for (let length = 0; length <= 70; length++) {
    for (const data of [
      Buffer.alloc(length, 0xff),
      Buffer.from(Array.from({ length }, (_, i) => (i * 89 + 7) & 0xff)),
    ]) {
      for (const packet of [udp({ data }), tcp({ data })]) {
        const last = packet.length - 1;
        t.equal(check(packet).fault, 'none', `${length} bytes`);
        const broken = edited(packet, (copy) => {
          copy[last] = copy[last]! ^ 1;
        });
        t.equal(check(broken).fault, 'transport-checksum', `${length} bytes, the last one wrong`);
      }
    }
  }
});

t.test('rows that leave their slot are empty', async (t) => {
  const { packets, batch } = tableOf(udp(), udp(), udp(), udp());
  packets.start[0] = 0;
  packets.length[1] = 0xffff_ffff;
  packets.start[2] = packets.slot(2) - 1;
  packets.start[3] = packets.slot(4) - 10;
  t.equal(native.ipCheck(packets.bytes, batch.rows, 4, 0), -4);
  t.equal(native.ipRewrite(packets.bytes, batch.rows, 4), 4);
  t.equal(native.ipFinish(packets.bytes, batch.rows, 4), 4);
  for (let row = 0; row < 4; row++) t.equal(faultOf(packets, row), 'ip-truncated');
});

t.test('rewrite updates what a full computation would', async (t) => {
  const list = [
    tcp({ data: Buffer.from('x') }),
    udp(),
    icmp(),
    ipv4({ proto: 132, body: Buffer.alloc(12) }),
    icmp({ type: 3, code: 3 }),
  ];
  const { packets, batch } = tableOf(...list);
  t.ok(native.ipCheck(packets.bytes, batch.rows, batch.count, CHECK.transport) >= 0);
  for (let row = 0; row < batch.count; row++) {
    packets.src[row] = 0x01020304;
    packets.dst[row] = 0xf0f1f2f3;
    packets.dport[row] = 0xbeef;
  }
  t.equal(native.ipRewrite(packets.bytes, batch.rows, batch.count), 0);
  t.ok(native.ipCheck(packets.bytes, batch.rows, batch.count, CHECK.transport) >= 0, 'all checksums are right');
  t.equal(packets.src[0], 0x01020304);
  t.equal(packets.dst[2], 0xf0f1f2f3);
  t.strictSame([...packets.dport.subarray(0, 5)], [0xbeef, 0xbeef, 0xbeef, 0, 0]);
});

t.test('rewrite leaves a UDP packet without checksum without', async (t) => {
  const { packets, batch } = tableOf(ipv4({ proto: 17, body: edited(udpBody(), (b) => b.writeUInt16BE(0, 6)) }));
  native.ipCheck(packets.bytes, batch.rows, 1, CHECK.transport);
  packets.src[0] = 7;
  t.equal(native.ipRewrite(packets.bytes, batch.rows, 1), 0);
  t.strictSame([...packets.packet(0).subarray(26, 28)], [0, 0]);
  t.ok(native.ipCheck(packets.bytes, batch.rows, 1, CHECK.transport) >= 0);
});

t.test('rewrite of fragments', async (t) => {
  const body = tcpBody({ data: Buffer.alloc(20, 7) });
  const { packets, batch } = tableOf(
    ipv4({ proto: 6, fragment: 0x2000, body: body.subarray(0, 24) }),
    ipv4({ proto: 6, fragment: 3, body: body.subarray(24) }),
    ipv4({ proto: 6, fragment: 0x2000, body: body.subarray(0, 16) }),
  );
  t.ok(native.ipCheck(packets.bytes, batch.rows, 3, CHECK.transport) >= 0);
  t.equal(native.ipRewrite(packets.bytes, batch.rows, 3), 0, 'nothing to change needs no checksum');
  for (let row = 0; row < 3; row++) packets.dst[row] = 0x01010101;
  const before = Buffer.from(packets.packet(2));
  t.equal(native.ipRewrite(packets.bytes, batch.rows, 3), 1);
  t.equal(faultOf(packets, 2), 'transport-truncated', 'the checksum lies in the second fragment');
  t.strictSame(Buffer.from(packets.packet(2)), before, 'and nothing was changed');

  // Put together again, the datagram is sound.
  const whole = Buffer.concat([packets.packet(0).subarray(20), packets.packet(1).subarray(20)]);
  t.equal(check(ipv4({ proto: 6, dst: 0x01010101, body: whole })).fault, 'none');
});

t.test('finish computes all checksums', async (t) => {
  const blank = [tcp({ data: Buffer.from('odd') }), udp(), icmp(), ipv4({ proto: 99, options: [1, 1, 1, 0] })];
  const { packets, batch } = tableOf(
    ...blank.map((bytes) =>
      edited(bytes, (b) => {
        b.writeUInt16BE(0xdead, 10);
        const body = b.subarray((b[0]! & 15) * 4);
        const at = { 6: 16, 17: 6, 1: 2 }[b[9]!];
        if (at) body.set(u16(0xbeef), at);
      }),
    ),
  );
  t.equal(native.ipFinish(packets.bytes, batch.rows, batch.count), 0);
  for (let row = 0; row < batch.count; row++)
    t.strictSame(Buffer.from(packets.packet(row)), blank[row], `packet ${row}`);
});

t.test('a UDP checksum that comes to 0 is sent as 0xffff', async (t) => {
  // The last word of the data is chosen so that the sum is 0xffff.
  const body = udpBody({ data: Buffer.from([0, 0]) });
  body.writeUInt16BE(body.readUInt16BE(6), 8);
  const { packets, batch } = tableOf(ipv4({ proto: 17, body }));
  t.equal(native.ipFinish(packets.bytes, batch.rows, 1), 0);
  t.strictSame([...packets.packet(0).subarray(26, 28)], [0xff, 0xff]);
  t.ok(native.ipCheck(packets.bytes, batch.rows, 1, CHECK.transport) >= 0);
});

t.test('arguments', async (t) => {
  const { packets, batch } = tableOf(udp());
  t.throws(() => native.ipCheck(packets.bytes.subarray(1), batch.rows, 1, 0), TypeError);
  t.throws(() => native.ipCheck(packets.bytes, batch.rows, 1, 2), RangeError);
  t.throws(() => native.ipCheck(packets.bytes, batch.rows, ROWS + 1, 0), RangeError);
  t.throws(() => native.ipCheck(packets.bytes, Uint16Array.of(ROWS), 1, 0), RangeError);
});
