import { readFileSync } from 'node:fs';
import t from 'tap';
import { native } from '../../../src/native/addon.js';
import { CAPTURE_CHUNK } from '../../../src/native/capture.js';
import { Batch } from '../../../src/packet/batch.js';
import { CaptureReader, captureHeader, RECORD_HEADER } from '../../../src/packet/capture.js';
import { MAX_PACKET, ROWS } from '../../../src/packet/columns.js';
import { FAULT_NAMES, type FaultName } from '../../../src/packet/faults.js';
import { Packets } from '../../../src/packet/packets.js';
import { ipv4, tableOf, tcp, udp } from './build.js';
import { pcap, pcapng } from './files.js';

interface Read {
  fault: FaultName;
  sec: number;
  nsec: number;
  bytes: Buffer;
}

/** Reads a whole file, as chunks of so many bytes arrive, at most so many packets at once. */
function readAll(file: Uint8Array, step = file.length, most = ROWS) {
  const reader = new CaptureReader();
  const read: Read[] = [];
  let from = 0;
  let to = Math.min(step, file.length);
  for (;;) {
    const packets = new Packets();
    const batch = new Batch();
    const consumed = reader.read(file.subarray(from, to), packets, batch, most);
    from += consumed;
    t.equal(reader.bytes, packets.lengthOf(batch), 'bytes are those of the rows');
    for (const row of batch.rows.subarray(0, batch.count)) {
      const fault = FAULT_NAMES[packets.fault[row]!]!;
      read.push({ fault, sec: packets.sec[row]!, nsec: packets.nsec[row]!, bytes: Buffer.from(packets.packet(row)) });
    }
    if (reader.damage !== undefined) break;
    if (reader.status === 'full') continue;
    if (to === file.length) break;
    to = Math.min(to + step, file.length);
  }
  return { read, status: reader.status, damage: reader.damage, position: reader.position, left: file.length - from };
}

const big = tcp({ data: Buffer.alloc(1000, 3) });

t.test('pcap in both byte orders and both time resolutions', async (t) => {
  for (const order of [false, true]) {
    for (const nano of [false, true]) {
      const frames = [udp(), big];
      const file = pcap(
        frames.map((frame, i) => ({ frame, sec: 4_000_000_000 + i, fraction: 123_456 })),
        { big: order, nano },
      );
      const { read, status, position, left } = readAll(file);
      t.strictSame([status, position, left], ['more', file.length, 0]);
      t.strictSame(
        read,
        frames.map((bytes, i) => ({
          fault: 'none',
          sec: 4_000_000_000 + i,
          nsec: nano ? 123_456 : 123_456_000,
          bytes,
        })),
      );
    }
  }
});

t.test('a fraction of more than a second carries', async (t) => {
  const { read } = readAll(pcap([{ frame: udp(), sec: 5, fraction: 2_500_000 }]));
  t.strictSame([read[0]?.sec, read[0]?.nsec], [7, 500_000_000]);
});

t.test('pcapng: interfaces, times, sections, and blocks of no interest', async (t) => {
  const little = pcapng(false);
  const other = pcapng(true);
  const frame = Buffer.concat([Buffer.from([...Array(12).fill(2), 8, 0]), udp()]);
  const nano = little.option(9, Buffer.of(9));
  const binary = little.option(9, Buffer.of(0x80 | 10));
  const file = Buffer.concat([
    little.section(),
    little.block(5, Buffer.alloc(40)),
    little.describe(1),
    little.describe(101, { options: [nano, little.option(14, little.i64(1_000_000_000n))] }),
    little.describe(101, { options: [little.option(2, Buffer.from('eth0')), binary] }),
    little.enhanced(frame, { units: 1_500_000n }),
    little.block(0x0bad, Buffer.alloc(300_000, 7)),
    little.enhanced(udp(), { on: 1, units: 2_000_000_003n }),
    little.enhanced(udp(), { on: 2, units: 1024n + 512n }),
    little.simple(frame),
    little.obsolete(frame),
    other.section(),
    other.describe(101, { options: [other.option(14, other.i64(-1n))] }),
    other.enhanced(big, { units: 9_000_001n }),
  ]);
  const expected = [
    { fault: 'none', sec: 1, nsec: 500_000_000, bytes: udp() },
    { fault: 'none', sec: 1_000_000_002, nsec: 3, bytes: udp() },
    { fault: 'none', sec: 1, nsec: 500_000_000, bytes: udp() },
    { fault: 'none', sec: 0, nsec: 0, bytes: udp() },
    { fault: 'none', sec: 0, nsec: 7_000, bytes: udp() },
    { fault: 'none', sec: 8, nsec: 1_000, bytes: big },
  ];
  const { read, status, left } = readAll(file);
  t.strictSame([status, left], ['more', 0]);
  t.strictSame(read, expected);
  t.strictSame(readAll(file, 1000).read, expected, 'in pieces that are shorter than a block that is skipped');
});

t.test('a simple packet is as long as the snapshot length lets it be', async (t) => {
  const blocks = pcapng();
  const whole = tcp({ data: Buffer.alloc(100) });
  const { read } = readAll(
    Buffer.concat([
      blocks.section(),
      blocks.describe(101, { snapLength: 64 }),
      blocks.simple(whole.subarray(0, 64), whole.length),
    ]),
  );
  t.strictSame(
    read.map(({ fault }) => fault),
    ['captured-short'],
  );
});

t.test('frames that are no good become rows with a fault', async (t) => {
  const eth = (type: number[], body: Uint8Array) => Buffer.concat([Buffer.from([...Array(12).fill(2), ...type]), body]);
  const ip = (bytes: Uint8Array) => eth([8, 0], bytes);
  const long = ipv4({ proto: 99, body: Buffer.alloc(MAX_PACKET - 20) });
  const longer = ipv4({ proto: 99, body: Buffer.alloc(MAX_PACKET - 19) });
  const cases: [FaultName, string, Buffer, number?][] = [
    ['not-ipv4', 'ARP', eth([8, 6], Buffer.alloc(28))],
    ['link-truncated', '13 bytes', Buffer.alloc(13)],
    ['link-truncated', 'no byte', Buffer.alloc(0)],
    ['captured-short', 'cut off in the packet', ip(big).subarray(0, 200), 14 + big.length],
    ['captured-short', 'cut off in the header', ip(big).subarray(0, 17), 14 + big.length],
    ['none', 'cut off behind the packet', ip(udp()), 60],
    ['none', 'the longest', ip(long)],
    ['oversize', 'a byte longer', ip(longer)],
    ['none', 'a total length that lies is for others to find', ip(ipv4({ proto: 17, total: 500 }))],
  ];
  const { read, left } = readAll(
    pcap(
      cases.map(([, , frame, original]) => ({ frame, ...(original && { original }) })),
      { linkType: 1 },
    ),
  );
  t.equal(left, 0);
  for (const [i, [fault, what]] of cases.entries()) {
    t.equal(read[i]?.fault, fault, what);
    t.equal(read[i]?.bytes.length === 0, fault !== 'none', `${what}: empty exactly if faulty`);
  }
});

t.test('padding of the link is cut off', async (t) => {
  const { read } = readAll(pcap([{ frame: Buffer.concat([udp(), Buffer.alloc(30)]) }]));
  t.strictSame(read[0]?.bytes, udp());
});

t.test('chunks may end anywhere', async (t) => {
  const frames = [udp(), big, tcp()];
  const blocks = pcapng(true);
  for (const file of [
    pcap(frames.map((frame) => ({ frame }))),
    Buffer.concat([blocks.section(), blocks.describe(101), ...frames.map((frame) => blocks.enhanced(frame))]),
  ]) {
    const whole = readAll(file).read;
    t.equal(whole.length, 3);
    for (const step of [1, 7, 100]) t.strictSame(readAll(file, step).read, whole, `${step} bytes at a time`);
    t.strictSame(readAll(file, file.length, 1).read, whole, 'one packet at a time');
    for (let length = 0; length < file.length; length++) {
      const { damage, read, left, position } = readAll(file.subarray(0, length));
      t.strictSame(
        [damage, position + left, read],
        [undefined, length, whole.slice(0, read.length)],
        `${length} bytes`,
      );
    }
  }
});

t.test('damage is named with its offset, and what came before it is read', async (t) => {
  const record = { frame: udp() };
  const good = pcap([record]);
  const blocks = pcapng();
  const head = Buffer.concat([blocks.section(), blocks.describe(101)]);
  const before = Buffer.concat([head, blocks.enhanced(udp())]);
  const broken = (block: Buffer, edit: (block: Buffer) => void) => {
    edit(block);
    return Buffer.concat([before, block]);
  };
  const cases: [status: string, what: string, file: Buffer, position: number, packets: number][] = [
    ['not-capture', 'text', Buffer.from('GET / HTTP/1.0\r\n\r\n'), 0, 0],
    [
      'not-capture',
      'a section header without byte order',
      Buffer.concat([head.subarray(0, 8), Buffer.alloc(20)]),
      0,
      0,
    ],
    ['version', 'pcap 3.4', Buffer.from(good).fill(3, 4, 5), 0, 0],
    ['version', 'pcapng 2.0', blocks.section(2), 0, 0],
    ['link-type', 'USB', pcap([record], { linkType: 189 }), 0, 0],
    [
      'record-length',
      'more than 256 KiB',
      pcap([record, { ...record, captured: 262_145 }], { snapLength: 0 }),
      good.length,
      1,
    ],
    ['record-length', 'more than the snapshot length', pcap([record, { ...record, captured: 65_536 }]), good.length, 1],
    ['record-length', 'negative', pcap([record, { ...record, captured: 0xffff_ffff }]), good.length, 1],
    [
      'block-length',
      'not a multiple of 4',
      broken(blocks.enhanced(udp()), (b) => b.writeUInt32LE(b.length + 1, 4)),
      before.length,
      1,
    ],
    ['block-length', 'below 12', broken(blocks.enhanced(udp()), (b) => b.writeUInt32LE(8, 4)), before.length, 1],
    [
      'block-length',
      'another at its end',
      broken(blocks.enhanced(udp()), (b) => b.writeUInt32LE(0, b.length - 4)),
      before.length,
      1,
    ],
    [
      'block-length',
      'gigantic',
      broken(blocks.enhanced(udp()), (b) => b.writeUInt32LE(0xffff_fffc, 4)),
      before.length,
      1,
    ],
    [
      'block-length',
      'too short for a packet',
      Buffer.concat([before, blocks.block(6, Buffer.alloc(8))]),
      before.length,
      1,
    ],
    ['block-length', 'an empty packet block', Buffer.concat([before, blocks.block(6)]), before.length, 1],
    ['block-length', 'too short for a simple packet', Buffer.concat([before, blocks.block(3)]), before.length, 1],
    ['block-length', 'too short for an interface', Buffer.concat([before, blocks.block(1)]), before.length, 1],
    [
      'block-contents',
      'a frame beyond its block',
      Buffer.concat([before, blocks.enhanced(udp(), { captured: 100 })]),
      before.length,
      1,
    ],
    [
      'record-length',
      'a frame beyond all bounds',
      Buffer.concat([before, blocks.enhanced(udp(), { captured: 2 ** 31 })]),
      before.length,
      1,
    ],
    [
      'block-contents',
      'a simple packet beyond its block',
      Buffer.concat([before, blocks.simple(udp(), 1000)]),
      before.length,
      1,
    ],
    [
      'block-contents',
      'an option beyond its block',
      broken(blocks.describe(1, { options: [blocks.option(2, Buffer.from('x'))] }), (b) => b.writeUInt16LE(9, 18)),
      before.length,
      1,
    ],
    ['interface', 'not described', Buffer.concat([before, blocks.enhanced(udp(), { on: 1 })]), before.length, 1],
    [
      'interface',
      'of the section before',
      Buffer.concat([before, blocks.section(), blocks.enhanced(udp())]),
      before.length + 28,
      1,
    ],
    ['interface', 'a simple packet without one', Buffer.concat([blocks.section(), blocks.simple(udp())]), 28, 0],
    [
      'interfaces',
      '257',
      Buffer.concat([blocks.section(), ...Array<Buffer>(257).fill(blocks.describe(1))]),
      28 + 256 * 20,
      0,
    ],
    [
      'resolution',
      '10^-20',
      Buffer.concat([before, blocks.describe(1, { options: [blocks.option(9, Buffer.of(20))] })]),
      before.length,
      1,
    ],
    [
      'resolution',
      '2^-64',
      Buffer.concat([before, blocks.describe(1, { options: [blocks.option(9, Buffer.of(0xc0))] })]),
      before.length,
      1,
    ],
  ];
  for (const [status, what, file, position, packets] of cases) {
    const found = readAll(file);
    t.strictSame([found.status, found.position, found.read.length], [status, position, packets], `${status}: ${what}`);
    t.strictSame(readAll(file, 13).position, position, `${status}: ${what}, in pieces`);
    t.type(found.damage, 'string');
  }
});

t.test('an interface of a link type that is not known has no IPv4 packets', async (t) => {
  const blocks = pcapng();
  const { read } = readAll(Buffer.concat([blocks.section(), blocks.describe(189), blocks.enhanced(udp())]));
  t.strictSame(
    read.map(({ fault }) => fault),
    ['not-ipv4'],
  );
});

t.test('a chunk of CAPTURE_CHUNK bytes holds the longest record', async (t) => {
  const frame = Buffer.concat([udp(), Buffer.alloc(256 * 1024 - udp().length)]);
  const file = pcap([{ frame }, { frame: udp() }], { snapLength: 1 << 20 });
  const { read, left } = readAll(file, CAPTURE_CHUNK);
  t.strictSame(
    read.map(({ bytes }) => bytes),
    [udp(), udp()],
  );
  t.equal(left, 0);
});

t.test('rows stop at the end of the table', async (t) => {
  const reader = new CaptureReader();
  const packets = new Packets();
  const batch = new Batch();
  packets.used = ROWS - 2;
  const file = pcap([{ frame: udp() }, { frame: udp() }, { frame: udp() }]);
  const consumed = reader.read(file, packets, batch);
  t.strictSame([reader.status, batch.count, packets.used], ['full', 2, ROWS]);
  packets.reset();
  t.equal(consumed + reader.read(file.subarray(consumed), packets, batch), file.length);
});

t.test('columns of a row are as take() leaves them', async (t) => {
  const packets = new Packets();
  packets.universe.fill(9);
  packets.fault.fill(9);
  packets.start.fill(9);
  new CaptureReader().read(pcap([{ frame: udp() }]), packets, new Batch());
  t.strictSame([packets.universe[0], packets.fault[0], packets.start[0]], [0, 0, packets.slot(0) + 64]);
  t.equal(packets.universe[500], 9, 'other rows are not touched');
});

t.test('written records are read as they were', async (t) => {
  for (const nano of [true, false]) {
    const frames = [udp(), big, Buffer.alloc(0)];
    const { packets, batch } = tableOf(...frames);
    packets.sec.fill(7);
    packets.nsec.fill(123_456_789);
    const into = new Uint8Array(frames.reduce((sum, frame) => sum + RECORD_HEADER + frame.length, 0));
    t.equal(native.captureWrite(packets.bytes, batch.rows, batch.count, nano, into), into.length);
    const { read } = readAll(Buffer.concat([captureHeader(nano), into]));
    t.strictSame(
      read.map(({ sec, nsec, bytes }) => [sec, nsec, bytes]),
      frames.map((bytes) => [7, nano ? 123_456_789 : 123_456_000, bytes]),
    );
    t.throws(
      () => native.captureWrite(packets.bytes, batch.rows, batch.count, nano, into.subarray(1)),
      RangeError,
      'too few bytes',
    );
  }
});

t.test('every capture at hand', async (t) => {
  const expected: [file: string, status: string, packets: number][] = [
    ['linktypes/libpcap__pcap-invalid-version-1.pcap', 'version', 0],
    ['linktypes/tcpdump__empty.pcap', 'more', 0],
    ['linktypes/tcpdump__empty.pcapng', 'more', 0],
    ['gre/pcapplusplus__GrePackets.pcap', 'more', 7],
    ['gre/zeek__gre-within-gre.pcap', 'more', 628],
  ];
  for (const [name, status, packets] of expected) {
    const file = readFileSync(`test/data/${name}`);
    const found = readAll(file);
    t.strictSame([found.status, found.read.length], [status, packets], name);
    t.strictSame(readAll(file, 50).read, found.read, `${name} in pieces`);
  }
});

t.test('arguments', async (t) => {
  const { packets } = tableOf();
  const state = new Uint8Array(native.captureBytes);
  const chunk = pcap([]);
  t.throws(() => native.captureRead(state.subarray(8), chunk, packets.bytes, 0, 1), TypeError);
  t.throws(() => native.captureRead(state, chunk, packets.bytes, ROWS + 1, 0), RangeError);
  t.throws(() => native.captureRead(state, chunk, packets.bytes, ROWS - 24, 25), RangeError);
  t.throws(
    () => native.captureRead(packets.bytes.subarray(0, native.captureBytes), chunk, packets.bytes, 0, 1),
    TypeError,
    'a state within the table',
  );
  const into = new Uint16Array(200);
  const rows = into.subarray(0, 1);
  const bytes = new Uint8Array(into.buffer);
  t.throws(() => native.captureWrite(packets.bytes, rows, 1, false, bytes), TypeError, 'rows that are overwritten');
  t.throws(
    () => native.captureWrite(packets.bytes, Uint16Array.of(0), 1, false, packets.bytes.subarray(0, 4096)),
    TypeError,
    'columns that are overwritten',
  );
  t.throws(() => native.captureRead(state.fill(0xff), chunk, packets.bytes, 0, 1), TypeError, 'not a state');
});
