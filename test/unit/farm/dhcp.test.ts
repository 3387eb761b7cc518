import t from 'tap';
import { answerDhcp, isDhcp } from '../../../src/farm/dhcp.js';
import { GATEWAY_MAC } from '../../../src/farm/wire.js';
import { formatAddress, parseAddress } from '../../../src/packet/address.js';
import { Packets } from '../../../src/packet/packets.js';
import { checksum, ipv4, u32, udpBody } from '../native/build.js';

const at = (address: string) => parseAddress(address)!;
const INSIDE = at('10.0.2.15');
const GATEWAY = at('10.0.2.1');
const MAC = Buffer.from('525400123456', 'hex');
const EVERYBODY = Buffer.alloc(6, 255);

const TYPE = { discover: 1, offer: 2, request: 3, decline: 4, ack: 5, nak: 6, release: 7, inform: 8 };
type Option = readonly [code: number, ...value: number[]];
const option = (code: number, ...value: number[]): Option => [code, ...value];
const address = (code: number, value: number): Option => [code, ...u32(value)];

interface Said {
  type?: number;
  options?: readonly Option[];
  ciaddr?: number;
  broadcast?: boolean;
  src?: number;
  dst?: number;
  /** Changes bytes of the message. */
  edit?: (message: Buffer) => void;
  /** What follows the options, instead of their end. */
  tail?: Uint8Array;
}

/** The frame of a client's message. */
function ask(said: Said): Buffer {
  const { type, options = [], ciaddr = 0, broadcast = false, src = ciaddr, dst = 0xffffffff } = said;
  const head = Buffer.alloc(240);
  head.set([1, 1, 6, 0, 0xde, 0xad, 0xbe, 0xef, 0, 3, broadcast ? 0x80 : 0, 0]);
  head.writeUInt32BE(ciaddr, 12);
  head.set(MAC, 28);
  head.writeUInt32BE(0x63825363, 236);
  const all = [...(type === undefined ? [] : [option(53, type)]), ...options];
  const coded = all.map(([code, ...value]) => Buffer.from([code, value.length, ...value]));
  const message = Buffer.concat([head, ...coded, said.tail ?? Buffer.from([255])]);
  said.edit?.(message);
  const ends = { src, dst, sport: 68, dport: 67 };
  const packet = ipv4({ proto: 17, ...ends, body: udpBody({ ...ends, data: message }) });
  return Buffer.concat([EVERYBODY, MAC, Buffer.from([8, 0]), packet]);
}

function tableOf(frame: Uint8Array): Packets {
  const packets = new Packets();
  const row = packets.take();
  packets.start[row] = packets.start[row]! - 14;
  packets.bytes.set(frame, packets.start[row]!);
  packets.length[row] = frame.length;
  return packets;
}

function outcome(frame: Uint8Array, inside = INSIDE): string {
  const packets = tableOf(frame);
  return isDhcp(packets, 0, inside) ? answerDhcp(packets, 0, inside) : 'not dhcp';
}

/** The answer to a frame, taken apart. Its checksums are right. */
function answerTo(frame: Uint8Array, inside = INSIDE) {
  const packets = tableOf(frame);
  t.equal(isDhcp(packets, 0, inside), true);
  t.equal(answerDhcp(packets, 0, inside), 'answered');
  const answer = Buffer.from(packets.packet(0));
  t.strictSame(answer.subarray(6, 14), Buffer.concat([GATEWAY_MAC, Buffer.from([8, 0])]));
  const ip = answer.subarray(14);
  const udp = ip.subarray(20);
  t.equal(checksum(ip.subarray(0, 20)), 0);
  const pseudo = Buffer.concat([ip.subarray(12, 20), Buffer.from([0, 17]), udp.subarray(4, 6)]);
  t.equal(checksum(Buffer.concat([pseudo, udp])), 0);
  t.strictSame([ip[0], ip.readUInt16BE(2), ip[9]], [0x45, ip.length, 17]);
  t.strictSame([udp.readUInt16BE(0), udp.readUInt16BE(2), udp.readUInt16BE(4)], [67, 68, udp.length]);
  const message = udp.subarray(8);
  t.equal(message.length, 300);
  t.strictSame([...message.subarray(0, 8)], [2, 1, 6, 0, 0xde, 0xad, 0xbe, 0xef], 'a reply, with the transaction id');
  t.strictSame(message.subarray(28, 34), MAC);
  t.equal(message.readUInt32BE(236), 0x63825363);
  const options = new Map<number, number>();
  for (let i = 240; message[i] !== 255; i += 2 + message[i + 1]!) {
    options.set(message[i]!, message.readUIntBE(i + 2, message[i + 1]!));
  }
  return {
    mac: answer.subarray(0, 6),
    src: formatAddress(ip.readUInt32BE(12)),
    dst: formatAddress(ip.readUInt32BE(16)),
    ciaddr: formatAddress(message.readUInt32BE(12)),
    yiaddr: formatAddress(message.readUInt32BE(16)),
    type: options.get(53),
    options,
  };
}

/** What udhcpc of busybox sends: maximum size, parameters, vendor class, client id; no broadcast flag. */
const udhcpc: Option[] = [
  option(61, 1, ...MAC),
  option(57, 2, 64),
  option(55, 1, 3, 6, 12, 15, 28, 42),
  option(60, ...Buffer.from('udhcp 1.35.0')),
];

/** What Windows XP sends: client id, host name, vendor class, parameters with its own ones; broadcast at first. */
const windows: Option[] = [
  option(116, 1),
  option(61, 1, ...MAC),
  option(12, ...Buffer.from('VICTIM-1')),
  option(60, ...Buffer.from('MSFT 5.0')),
  option(55, 1, 15, 3, 6, 44, 46, 47, 31, 33, 249, 43),
];

t.test('udhcpc gets its address', async (t) => {
  const offer = answerTo(ask({ type: TYPE.discover, options: udhcpc }));
  t.match(offer, { type: TYPE.offer, src: '10.0.2.1', dst: '10.0.2.15', yiaddr: '10.0.2.15', ciaddr: '0.0.0.0' });
  t.strictSame(offer.mac, MAC);
  t.strictSame(
    [...offer.options],
    [
      [53, TYPE.offer],
      [54, GATEWAY],
      [51, 86_400],
      [1, 0xffffff00],
      [3, GATEWAY],
      [6, GATEWAY],
    ],
  );
  const ack = answerTo(ask({ type: TYPE.request, options: [...udhcpc, address(50, INSIDE), address(54, GATEWAY)] }));
  t.match(ack, { type: TYPE.ack, dst: '10.0.2.15', yiaddr: '10.0.2.15', ciaddr: '0.0.0.0' });
  t.strictSame([...ack.options.keys()], [53, 54, 51, 1, 3, 6]);
});

t.test('Windows gets its address by broadcast, renews it, and asks for more', async (t) => {
  const offer = answerTo(ask({ type: TYPE.discover, options: windows, broadcast: true }));
  t.match(offer, { type: TYPE.offer, dst: '255.255.255.255' });
  t.strictSame(offer.mac, EVERYBODY);
  const asked = [...windows, address(50, INSIDE), address(54, GATEWAY)];
  t.match(answerTo(ask({ type: TYPE.request, options: asked, broadcast: true })), { type: TYPE.ack });

  // It has an address: to the server alone.
  const renewal = ask({ type: TYPE.request, options: windows, ciaddr: INSIDE, dst: GATEWAY });
  t.match(answerTo(renewal), { type: TYPE.ack, ciaddr: '10.0.2.15', yiaddr: '10.0.2.15', dst: '10.0.2.15' });
  const inform = answerTo(ask({ type: TYPE.inform, options: windows, ciaddr: INSIDE, broadcast: true }));
  t.match(inform, { type: TYPE.ack, ciaddr: '10.0.2.15', yiaddr: '0.0.0.0', dst: '10.0.2.15' });
  t.notOk(inform.options.has(51), 'no lease, since it gets no address');
});

t.test('another address is refused', async (t) => {
  const other = at('192.168.1.77');
  for (const said of [
    { options: [address(50, other), address(54, GATEWAY)] },
    { options: [address(50, other)], broadcast: true },
    { ciaddr: other },
    {},
  ]) {
    const nak = answerTo(ask({ type: TYPE.request, ...said }));
    t.match(nak, { type: TYPE.nak, dst: '255.255.255.255', yiaddr: '0.0.0.0', ciaddr: '0.0.0.0' });
    t.strictSame(nak.mac, EVERYBODY);
    t.strictSame([...nak.options.keys()], [53, 54]);
  }
});

t.test('the first address of a network has the last one as its router', async (t) => {
  const first = at('203.0.113.1');
  const offer = answerTo(ask({ type: TYPE.discover }), first);
  t.match(offer, { src: '203.0.113.254', yiaddr: '203.0.113.1' });
});

t.test('what needs no answer', async (t) => {
  t.equal(outcome(ask({ type: TYPE.release, ciaddr: INSIDE, dst: GATEWAY })), 'ignored');
  t.equal(outcome(ask({ type: TYPE.decline, options: [address(50, INSIDE)] })), 'ignored');
  const chosen = [address(50, INSIDE), address(54, at('10.0.2.2'))];
  t.equal(outcome(ask({ type: TYPE.request, options: chosen })), 'ignored', 'it has chosen another server');
  for (const type of [TYPE.offer, TYPE.ack, TYPE.nak, 0x77]) t.equal(outcome(ask({ type })), 'ignored');
});

t.test('options that hardly are ones', async (t) => {
  const none = ask({ type: TYPE.discover, tail: Buffer.alloc(0) });
  t.equal(outcome(none), 'answered', 'no end');
  t.equal(outcome(ask({ tail: Buffer.from([0, 0, 53, 1, 1, 255, 7, 200]) })), 'answered', 'padding, and what follows');
  t.equal(outcome(ask({ type: TYPE.discover, options: [option(200)] })), 'answered', 'an empty one');
});

t.test('malformed messages', async (t) => {
  const sound = ask({ type: TYPE.discover });
  const edit = (change: (message: Buffer) => void) => ask({ type: TYPE.discover, edit: change });
  const raw = (change: (frame: Buffer) => void) => {
    const frame = Buffer.from(sound);
    change(frame);
    return frame;
  };
  const cases: [string, Buffer][] = [
    ['no type', ask({})],
    ['type 0', ask({ type: 0 })],
    ['a type of two bytes', ask({ options: [option(53, 1, 1)] })],
    ['an address of three bytes', ask({ type: 3, options: [option(50, 1, 2, 3)] })],
    ['a server of five bytes', ask({ type: 3, options: [option(54, 1, 2, 3, 4, 5)] })],
    ['an option that runs past the end', ask({ type: 1, tail: Buffer.from([12, 9, 1]) })],
    ['an option without a length', ask({ type: 1, tail: Buffer.from([12]) })],
    ['a reply', edit((m) => m.writeUInt8(2, 0))],
    ['token ring', edit((m) => m.writeUInt8(6, 1))],
    ['a hardware address of 16 bytes', edit((m) => m.writeUInt8(16, 2))],
    ['passed on by a relay', edit((m) => m.writeUInt32BE(1, 24))],
    ['BOOTP', edit((m) => m.writeUInt32BE(0, 236))],
    ['another port', raw((f) => f.writeUInt16BE(6768, 34))],
    ['cut short', sound.subarray(0, 14 + 28 + 239)],
    ['a total length beyond the frame', raw((f) => f.writeUInt16BE(2000, 16))],
    ['a total length of nothing', raw((f) => f.writeUInt16BE(0, 16))],
    ['a UDP length beyond the packet', raw((f) => f.writeUInt16BE(2000, 38))],
    ['a UDP length of nothing', raw((f) => f.writeUInt16BE(0, 38))],
    ['IPv6', raw((f) => f.writeUInt8(0x65, 14))],
    ['a first fragment', raw((f) => f.writeUInt16BE(0x2000, 20)).subarray(0, 100)],
  ];
  for (const [what, frame] of cases) t.equal(outcome(frame), 'malformed', what);
});

t.test('what is no DHCP', async (t) => {
  const sound = ask({ type: TYPE.discover });
  const raw = (at: number, ...bytes: number[]) => {
    const frame = Buffer.from(sound);
    frame.set(bytes, at);
    return frame;
  };
  for (const [what, frame] of [
    ['TCP', raw(23, 6)],
    ['another port', raw(36, 0, 53)],
    ['to another server', raw(30, ...u32(at('192.0.2.9')))],
    ['a later fragment', raw(20, 0, 3)],
    ['a header too short', raw(14, 0x44)],
    ['a header beyond the frame', raw(14, 0x4f).subarray(0, 40)],
    ['nothing behind the header', sound.subarray(0, 34)],
  ] as const) {
    t.equal(outcome(frame), 'not dhcp', what);
  }
});
