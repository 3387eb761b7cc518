import t from 'tap';
import { native } from '../../../src/native/addon.js';
import { ROWS } from '../../../src/packet/columns.js';
import { Packets } from '../../../src/packet/packets.js';

/** Steps of nine words: read, op, offset, width, shift, mask, value, yes, no. */
const [PROTO, IP, IS, HAS, ALL] = [4, 7, 0, 2, -1];

function run(steps: number[][], packets: Packets, first = 0): number {
  const results = new Uint16Array(1);
  native.classify(packets.bytes, Uint16Array.of(0), 1, Int32Array.from(steps.flat()), first, results);
  return results[0]!;
}

function tcpPacket(): Packets {
  const packets = new Packets();
  packets.take();
  packets.proto[0] = 6;
  packets.length[0] = 20;
  packets.bytes.fill(0xab, packets.start[0]!, packets.start[0]! + 21);
  return packets;
}

t.test('follows the steps to a result', async (t) => {
  const packets = tcpPacket();
  t.equal(run([[PROTO, IS, 0, 0, 0, ALL, 6, -3, -1]], packets), 2);
  t.equal(run([[PROTO, IS, 0, 0, 0, ALL, 17, -3, -1]], packets), 0);
  t.equal(run([], packets, -8), 7, 'a program without steps');
});

t.test('compares without sign, up to both ends', async (t) => {
  const packets = tcpPacket();
  const above = (src: number, value: number) => {
    packets.src[0] = src;
    return run([[0, 1, 0, 0, 0, ALL, value, -2, -1]], packets) === 1;
  };
  t.ok(above(0xffffffff, 0xfffffffe));
  t.notOk(above(0xffffffff, 0xffffffff));
  t.ok(above(0x80000000, 0x7fffffff));
  t.notOk(above(0, 0));
  t.notOk(above(7, 0xfffffff0));
});

t.test('reads no byte beyond the packet', async (t) => {
  const packets = tcpPacket();
  const has = (offset: number, width: number) => run([[IP, HAS, offset, width, 0, ALL, 0, -2, -1]], packets) === 1;
  t.ok(has(16, 4));
  t.notOk(has(17, 4));
  t.notOk(has(-1, 1), 'an offset that wraps');
  t.notOk(has(0, -1), 'a width that wraps');
  packets.length[0] = 0xffffffff;
  t.notOk(has(0, 1), 'a packet that leaves its slot');
});

t.test('a program that is none ends', async (t) => {
  const packets = tcpPacket();
  t.equal(run([[PROTO, IS, 0, 0, 0, ALL, 6, 0, 0]], packets), 0xffff, 'it goes in circles');
  t.equal(run([[PROTO, IS, 0, 0, 0, ALL, 6, 900, 900]], packets), 0xffff, 'it leaves itself');
  t.equal(run([], packets), 0xffff, 'it has no steps');
});

t.test('arguments of the wrong shape are refused', async (t) => {
  const packets = tcpPacket();
  const rows = Uint16Array.of(0);
  const call = (program: Int32Array, results: Uint16Array) => () =>
    native.classify(packets.bytes, rows, 1, program, 0, results);
  t.throws(call(new Int32Array(8), new Uint16Array(1)), /steps of 9 words/);
  const many = new Uint16Array(ROWS + 1);
  t.throws(
    () => native.classify(packets.bytes, many, ROWS + 1, new Int32Array(9), 0, new Uint16Array(ROWS + 1)),
    new RegExp(`count must be an integer from 0 to ${ROWS}`),
  );
  t.throws(call(new Int32Array(9), new Uint16Array(0)), /fewer than count/);
  t.throws(call(new Int32Array(9), rows), /results must lie in memory of its own/);
});

t.test('a decision table adds up, and is believed no further than it goes', async (t) => {
  const packets = tcpPacket();
  packets.dport[0] = 443;
  packets.src[0] = 0xfffffffe;
  const decide = (...table: number[]) => {
    const results = Uint16Array.of(7, 9);
    native.decide(packets.bytes, Uint16Array.of(0), 1, Uint32Array.from(table), results);
    t.equal(results[1], 9);
    return results[0];
  };
  const dport = 3;
  t.equal(decide(1, dport, 3, 443, 1, 444, 8, 0, 2, 10, 11, 12, 13), 13);
  t.equal(decide(1, 0, 2, 0x7fffffff, 1, 0xffffffff, 1, 10, 11, 12), 11, 'bounds have no sign');
  t.equal(decide(1, dport, 2, 1, 3, 2, 0xfffe, 10, 11), 11, 'sums are modulo 65,536');
  const byte = Array.from({ length: 256 }, (_, value) => (value === 6 ? 2 : 0));
  t.equal(decide(1, PROTO, ...byte, 10, 11, 12), 12);
  t.equal(decide(1, PROTO, ...byte, 10, 11), 11, 'a cell that is not there');
  t.equal(decide(), 0xffff, 'no cells');
  t.equal(decide(1, dport, 0xffffffff, 1, 1), 0xffff, 'more bounds than words');
  t.equal(decide(0xffffffff, 99), 0xffff, 'columns that are not there');
});
