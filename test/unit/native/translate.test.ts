import t from 'tap';
import { native } from '../../../src/native/addon.js';
import { CHECK } from '../../../src/native/ip.js';
import { ROWS } from '../../../src/packet/columns.js';
import { DST, faultOf, icmp, icmpBody, ipv4, SRC, tableOf, tcp, tcpBody, u16, udp, udpBody } from './build.js';

const OUTER = DST;
const INSIDE = 0x0a00020f; // 10.0.2.15

/** Translates a packet between OUTER and INSIDE, and says what became of it. */
function translate(bytes: Uint8Array) {
  const { packets, batch } = tableOf(bytes);
  const faulty = native.ipTranslate(packets.bytes, batch.rows, 1, Uint32Array.of(OUTER), Uint32Array.of(INSIDE));
  t.equal(faulty, packets.fault[0] === 0 ? 0 : 1, 'the number of faults is that of the column');
  const fault = faultOf(packets);
  const after = Buffer.from(packets.packet(0));
  const sound = native.ipCheck(packets.bytes, batch.rows, 1, CHECK.transport) >= 0;
  return { after, fault, sound };
}

const addresses = (packet: Buffer, at = 0) => [packet.readUInt32BE(at + 12), packet.readUInt32BE(at + 16)];

t.test('the address of a clone becomes the one inside, and the checksums follow', async (t) => {
  const cases: [string, (ends: { src?: number; dst?: number }) => Buffer][] = [
    ['TCP', (ends) => tcp({ ...ends, data: Buffer.from('odd') })],
    ['UDP', (ends) => udp(ends)],
    ['ICMP', (ends) => ipv4({ proto: 1, ...ends, body: icmpBody() })],
    ['another protocol', (ends) => ipv4({ proto: 132, ...ends, body: Buffer.alloc(12, 1) })],
    ['options', (ends) => ipv4({ proto: 17, ...ends, options: [1, 1, 1, 0], body: udpBody(ends) })],
    ['nothing behind the header', (ends) => ipv4({ proto: 200, ...ends })],
  ];
  for (const [what, make] of cases) {
    const inbound = translate(make({ src: SRC, dst: OUTER }));
    t.strictSame(inbound.after, make({ src: SRC, dst: INSIDE }), `${what}, to the clone`);
    const outbound = translate(make({ src: INSIDE, dst: SRC }));
    t.strictSame(outbound.after, make({ src: OUTER, dst: SRC }), `${what}, from it`);
    const other = translate(make({ src: SRC, dst: SRC + 1 }));
    t.strictSame(other.after, make({ src: SRC, dst: SRC + 1 }), `${what}, between others`);
  }
});

t.test('a stranger who has the address inside gets the outer one', async (t) => {
  t.strictSame(translate(tcp({ src: INSIDE, dst: OUTER })).after, tcp({ src: OUTER, dst: INSIDE }));
});

t.test('an ICMP error quotes what its receiver has sent', async (t) => {
  const error = (src: number, dst: number, quoted: Buffer, type = 3) =>
    ipv4({ proto: 1, src, dst, body: icmpBody({ type, code: 1, identifier: 0, data: quoted }) });
  const cut = (make: (ends: { src: number; dst: number }) => Buffer, bytes: number) => {
    return (ends: { src: number; dst: number }) => make(ends).subarray(0, bytes);
  };
  const cases: [string, (ends: { src: number; dst: number }) => Buffer][] = [
    ['8 bytes of TCP', cut((ends) => tcp(ends), 28)],
    ['8 bytes of UDP', cut((ends) => udp(ends), 28)],
    ['8 bytes of ICMP', cut((ends) => ipv4({ proto: 1, ...ends, body: icmpBody() }), 28)],
    ['all of TCP', (ends) => tcp({ ...ends, data: Buffer.from('abc') })],
    ['16 bytes of TCP', cut((ends) => tcp(ends), 36)],
    ['a header', cut((ends) => udp(ends), 20)],
    ['options', (ends) => ipv4({ proto: 6, ...ends, options: [1, 1, 1, 0], body: tcpBody(ends) })],
    ['a later fragment', (ends) => ipv4({ proto: 6, ...ends, fragment: 2, body: Buffer.alloc(30, 7) })],
  ];
  for (const type of [3, 4, 5, 11, 12]) {
    for (const [what, make] of cases) {
      const outer = error(SRC, OUTER, make({ src: OUTER, dst: SRC }), type);
      const inner = error(SRC, INSIDE, make({ src: INSIDE, dst: SRC }), type);
      t.strictSame(translate(outer).after, inner, `type ${type}, ${what}, to the clone`);
      t.strictSame(translate(inner).after, outer, `type ${type}, ${what}, back`);
    }
  }
  const unfinished = error(SRC, OUTER, tcp({ src: OUTER, dst: SRC }).subarray(0, 19));
  t.strictSame(translate(unfinished).after.subarray(28), unfinished.subarray(28), 'half a header stays as it is');
  const echo = ipv4({ proto: 1, src: SRC, dst: OUTER, body: icmpBody({ data: udp({ src: OUTER }) }) });
  t.strictSame(translate(echo).after.subarray(20), echo.subarray(20), 'an echo quotes nothing');
});

t.test('fragments: the checksum is in the first one', async (t) => {
  const body = tcpBody({ dst: OUTER, data: Buffer.alloc(20, 7) });
  const first = translate(ipv4({ proto: 6, dst: OUTER, fragment: 0x2000, body: body.subarray(0, 24) }));
  const later = translate(ipv4({ proto: 6, dst: OUTER, fragment: 3, body: body.subarray(24) }));
  const whole = Buffer.concat([first.after.subarray(20), later.after.subarray(20)]);
  t.strictSame(ipv4({ proto: 6, dst: INSIDE, body: whole }), tcp({ dst: INSIDE, data: Buffer.alloc(20, 7) }));
  t.ok(first.sound && later.sound);

  const tiny = ipv4({ proto: 6, dst: OUTER, fragment: 0x2000, body: body.subarray(0, 16) });
  t.equal(translate(tiny).fault, 'transport-truncated', 'or else the datagram would be broken');
  t.strictSame(translate(tiny).after, tiny);
});

t.test('a UDP checksum: none stays none, and 0 is sent as 0xffff', async (t) => {
  const without = Buffer.from(udp({ dst: OUTER }));
  without.fill(0, 26, 28);
  t.strictSame([...translate(without).after.subarray(26, 28)], [0, 0]);
  // The data are chosen so that the sum over the translated datagram is 0xffff.
  const body = udpBody({ dst: INSIDE, data: Buffer.from([0, 0]) });
  const data = Buffer.from(u16(body.readUInt16BE(6)));
  t.strictSame([...translate(udp({ dst: OUTER, data })).after.subarray(26, 28)], [0xff, 0xff]);
});

t.test('a wrong checksum stays wrong', async (t) => {
  for (const at of [10, 36]) {
    const wrong = tcp({ dst: OUTER });
    wrong[at]! ^= 0x10;
    const { after, fault, sound } = translate(wrong);
    t.equal(fault, 'none');
    t.notOk(sound);
    t.strictSame(addresses(after), [SRC, INSIDE]);
  }
});

t.test('what cannot be read is not changed', async (t) => {
  const packet = tcp({ dst: OUTER });
  const edit = (at: number, value: number) => {
    const copy = Buffer.from(packet);
    copy[at] = value;
    return copy;
  };
  const cases: [string, Buffer][] = [
    ['ip-truncated', packet.subarray(0, 19)],
    ['ip-truncated', Buffer.alloc(0)],
    ['ip-version', edit(0, 0x65)],
    ['ip-header-length', edit(0, 0x44)],
    ['ip-header-length', edit(0, 0x4f).subarray(0, 40)],
    ['ip-total-length', edit(3, 255)],
    ['transport-truncated', ipv4({ proto: 6, dst: OUTER, body: Buffer.alloc(17) })],
    ['transport-truncated', ipv4({ proto: 17, dst: OUTER, body: Buffer.alloc(7) })],
  ];
  for (const [expected, bytes] of cases) {
    const { after, fault } = translate(bytes);
    t.equal(fault, expected);
    t.strictSame(after, Buffer.from(bytes));
  }
});

t.test('a batch has addresses of its own for each row, and columns stay', async (t) => {
  const { packets, batch } = tableOf(udp({ dst: 1 }), udp({ dst: 2 }), icmp());
  native.ipCheck(packets.bytes, batch.rows, 3, CHECK.transport);
  const before = packets.dst.slice(0, 3);
  t.equal(native.ipTranslate(packets.bytes, batch.rows, 3, Uint32Array.of(1, 2, 3), Uint32Array.of(11, 12, 13)), 0);
  t.strictSame(
    [0, 1, 2].map((row) => packets.view.getUint32(packets.start[row]! + 16)),
    [11, 12, DST],
  );
  t.strictSame(packets.dst.slice(0, 3), before);
});

t.test('arguments', async (t) => {
  const { packets, batch } = tableOf(udp());
  const one = Uint32Array.of(1);
  const none = new Uint32Array(0);
  t.throws(() => native.ipTranslate(packets.bytes, batch.rows, 1, none, one), RangeError);
  t.throws(() => native.ipTranslate(packets.bytes, batch.rows, 1, one, none), RangeError);
  t.throws(() => native.ipTranslate(packets.bytes, batch.rows, 1, one, [1] as never), TypeError);
  t.throws(() => native.ipTranslate(packets.bytes.subarray(1), batch.rows, 1, one, one), TypeError);
  t.throws(() => native.ipTranslate(packets.bytes, Uint16Array.of(ROWS), 1, one, one), RangeError);
  packets.start[0] = 0;
  t.equal(native.ipTranslate(packets.bytes, batch.rows, 1, one, one), 1, 'a row that leaves its slot is empty');
});
