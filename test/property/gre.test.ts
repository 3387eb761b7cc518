import fc from 'fast-check';
import t from 'tap';
import { native } from '../../src/native/addon.js';
import { CHECK } from '../../src/native/ip.js';
import { Batch } from '../../src/packet/batch.js';
import { CaptureReader, captureHeader, RECORD_HEADER } from '../../src/packet/capture.js';
import { SLOT, SLOTS_AT, TABLE_BYTES } from '../../src/packet/columns.js';
import { FAULT_NAMES } from '../../src/packet/faults.js';
import { Packets } from '../../src/packet/packets.js';
import { makeTunnel } from '../../src/packet/tunnel.js';
import { icmp, ipv4, tableOf, tcp, udp } from '../unit/native/build.js';
import { pcap, pcapng } from '../unit/native/files.js';

const word = fc.integer({ min: 0, max: 0xffff_ffff });
const port = fc.integer({ min: 0, max: 0xffff });
const bytes = (maxLength: number) => fc.uint8Array({ maxLength });

const packet = fc
  .record({
    kind: fc.constantFrom('tcp', 'udp', 'icmp', 'other', 'bare'),
    src: word,
    dst: word,
    sport: port,
    dport: port,
    data: bytes(200),
    checksum: fc.boolean(),
  })
  .map(({ kind, checksum, ...ports }) => {
    if (kind === 'tcp') return tcp(ports);
    if (kind === 'udp') {
      const whole = udp(ports);
      return checksum ? whole : ipv4({ proto: 17, ...ports, body: Buffer.from(whole.subarray(20)).fill(0, 6, 8) });
    }
    if (kind === 'icmp')
      return icmp({ type: ports.sport % 20, identifier: ports.dport, data: Buffer.from(ports.data) });
    return ipv4({ proto: 200, src: ports.src, dst: ports.dst, body: kind === 'bare' ? Buffer.alloc(0) : ports.data });
  });

const tunnelOptions = fc.record({
  key: fc.oneof(fc.constant(undefined), fc.constant('row' as const), word),
  checksum: fc.boolean(),
  sequence: fc.boolean(),
});

t.test('decapsulation undoes encapsulation', async (t) => {
  fc.assert(
    fc.property(
      fc.array(packet, { minLength: 1, maxLength: 20 }),
      tunnelOptions,
      word,
      (list, { key, ...rest }, rowKey) => {
        const options = { ...rest, ...(key !== undefined && { key }) };
        const { packets, batch } = tableOf(...list);
        packets.key.fill(rowKey);
        const starts = packets.start.slice();
        const out = makeTunnel({ local: 1, remote: 2, ...options });
        const back = makeTunnel({ local: 2, remote: 1, ...options });
        if (native.greEncapsulate(packets.bytes, batch.rows, batch.count, out) !== 0) return false;
        packets.key.fill(0);
        if (native.ipCheck(packets.bytes, batch.rows, batch.count, CHECK.transport) < 0) return false;
        if (native.greDecapsulate(packets.bytes, batch.rows, batch.count, back) < 0) return false;
        const sentKey = key === undefined ? 0 : key === 'row' ? rowKey : key;
        return list.every(
          (sent, row) =>
            sent.equals(packets.packet(row)) && packets.start[row] === starts[row] && packets.key[row] === sentKey,
        );
      },
    ),
  );
  t.pass();
});

t.test('an incremental update comes to what a full computation does', async (t) => {
  fc.assert(
    fc.property(
      fc.array(packet, { minLength: 1, maxLength: 10 }),
      word,
      word,
      port,
      port,
      (list, src, dst, sport, dport) => {
        const { packets, batch } = tableOf(...list);
        const args = [packets.bytes, batch.rows, batch.count] as const;
        if (native.ipCheck(...args, CHECK.transport) < 0) return false;
        packets.src.fill(src);
        packets.dst.fill(dst);
        for (let row = 0; row < batch.count; row++) {
          if (packets.proto[row] !== 1) packets.sport[row] = sport;
          packets.dport[row] = dport;
        }
        if (native.ipRewrite(...args) !== 0) return false;
        if (native.ipCheck(...args, CHECK.transport) < 0) return false;
        const updated = list.map((_, row) => Buffer.from(packets.packet(row)));
        if (native.ipFinish(...args) !== 0) return false;
        return updated.every((bytes, row) => {
          const noChecksum = packets.proto[row] === 17 && bytes.readUInt16BE(26) === 0;
          return noChecksum || bytes.equals(packets.packet(row));
        });
      },
    ),
  );
  t.pass();
});

t.test('a link layer never ends beyond its frame', async (t) => {
  const linkType = fc.oneof(fc.constantFrom(0, 1, 12, 14, 101, 108, 113, 228, 276), word);
  const starts = fc.constantFrom([], [...Array(12).fill(0), 0x81, 0], [2, 0, 0, 0], Array<number>(14).fill(0));
  fc.assert(
    fc.property(linkType, starts, bytes(60), (type, start, rest) => {
      const frame = Uint8Array.of(...start, ...rest);
      const found = native.linkStrip(type, frame);
      return found >= 0 ? found <= frame.length : FAULT_NAMES[-found] !== undefined;
    }),
    { numRuns: 2000 },
  );
  t.pass();
});

/** Whether every row lies in its own slot. */
const within = (packets: Packets, rows: Uint16Array) =>
  rows.every((row) => {
    const at = packets.start[row]! - packets.slot(row);
    return at >= 0 && packets.length[row]! <= SLOT - at;
  });

t.test('no packet makes a row leave its slot or changes another', async (t) => {
  const chaos = fc.oneof(
    bytes(120),
    fc.tuple(packet, bytes(60)).map(([inner, tail]) => Buffer.concat([inner, tail])),
    fc.tuple(packet, fc.nat(400), fc.nat(255)).map(([inner, at, value]) => {
      const outer = ipv4({ proto: 47, body: Buffer.from([0xb0, 0, 8, 0, ...inner]) });
      outer[at % outer.length] = value;
      return outer;
    }),
  );
  fc.assert(
    fc.property(fc.array(chaos, { minLength: 1, maxLength: 8 }), tunnelOptions, (list, { key, ...rest }) => {
      const { packets, batch } = tableOf(...list);
      const rows = batch.rows.subarray(0, batch.count);
      const args = [packets.bytes, batch.rows, batch.count] as const;
      const tunnel = makeTunnel({ local: 0, remote: 0, ethernet: true, ...rest, ...(key !== undefined && { key }) });
      native.greDecapsulate(...args, tunnel);
      native.ipCheck(...args, CHECK.transport);
      native.ipRewrite(...args);
      native.ipFinish(...args);
      native.greEncapsulate(...args, tunnel);
      const rest0 = packets.bytes.subarray(SLOTS_AT + batch.count * SLOT, TABLE_BYTES);
      return within(packets, rows) && rest0.every((byte) => byte === 0);
    }),
  );
  t.pass();
});

function readAll(file: Uint8Array) {
  const reader = new CaptureReader();
  const packets = new Packets();
  const list: { sec: number; nsec: number; bytes: Buffer }[] = [];
  let at = 0;
  do {
    packets.reset();
    const batch = new Batch();
    const consumed = reader.read(file.subarray(at), packets, batch, 5);
    at += consumed;
    if (at > file.length || !within(packets, batch.rows.subarray(0, batch.count))) throw new Error('out of bounds');
    for (const row of batch.rows.subarray(0, batch.count)) {
      if (packets.fault[row]! >= FAULT_NAMES.length) throw new Error('no such fault');
      list.push({ sec: packets.sec[row]!, nsec: packets.nsec[row]!, bytes: Buffer.from(packets.packet(row)) });
    }
  } while (reader.status === 'full');
  if (reader.position !== at) throw new Error(`position ${reader.position} after ${at} bytes`);
  return { list, damage: reader.damage };
}

t.test('a capture that was written reads as it was', async (t) => {
  const record = fc.record({ bytes: packet, sec: word, nsec: fc.nat(999_999_999) });
  fc.assert(
    fc.property(fc.array(record, { maxLength: 20 }), fc.boolean(), (records, nano) => {
      const { packets, batch } = tableOf(...records.map(({ bytes }) => bytes));
      for (const [row, { sec, nsec }] of records.entries()) {
        packets.sec[row] = sec;
        packets.nsec[row] = nsec;
      }
      const into = new Uint8Array(records.reduce((sum, { bytes }) => sum + RECORD_HEADER + bytes.length, 0) + 100);
      const written = native.captureWrite(packets.bytes, batch.rows, batch.count, nano, into);
      const { list, damage } = readAll(Buffer.concat([captureHeader(nano), into.subarray(0, written)]));
      return (
        damage === undefined &&
        list.length === records.length &&
        list.every(({ sec, nsec, bytes }, i) => {
          const was = records[i]!;
          return (
            sec === was.sec && nsec === (nano ? was.nsec : was.nsec - (was.nsec % 1000)) && bytes.equals(was.bytes)
          );
        })
      );
    }),
  );
  t.pass();
});

t.test('no damage to a capture makes the reader leave its bounds', async (t) => {
  const big = fc.boolean();
  const file = fc.tuple(fc.array(packet, { maxLength: 6 }), big, fc.boolean()).map(([list, order, ng]) => {
    const blocks = pcapng(order);
    return ng
      ? Buffer.concat([
          blocks.section(),
          blocks.describe(101, { options: [blocks.option(9, Buffer.of(9)), blocks.option(14, blocks.i64(5n))] }),
          ...list.flatMap((frame) => [blocks.enhanced(frame), blocks.simple(frame), blocks.obsolete(frame)]),
        ])
      : pcap(
          list.map((frame) => ({ frame })),
          { big: order },
        );
  });
  const edits = fc.array(fc.tuple(fc.nat(2000), fc.constantFrom(0, 1, 2, 4, 12, 0x7f, 0x80, 0xff)), { maxLength: 4 });
  fc.assert(
    fc.property(file, edits, fc.nat(3000), (bytes, list, length) => {
      const copy = Buffer.from(bytes.subarray(0, length));
      for (const [at, value] of list) if (copy.length > 0) copy[at % copy.length] = value;
      readAll(copy);
      return true;
    }),
    { numRuns: 1000 },
  );
  t.pass();
});
