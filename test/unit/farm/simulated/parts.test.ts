import t from 'tap';
import { checksum } from '../../../../src/farm/simulated/checksum.js';
import { Connection } from '../../../../src/farm/simulated/connection.js';
import { FrameRing } from '../../../../src/farm/simulated/frames.js';
import { record } from '../../../../src/farm/simulated/record.js';

t.test('the checksum of RFC 1071 section 3, and of an odd number of bytes', (t) => {
  const bytes = Buffer.from('0001f203f4f5f6f7', 'hex');
  t.equal(checksum(bytes, 0, 8), ~0xddf2 & 0xffff);
  t.equal(checksum(bytes, 2, 3), ~(0xf203 + 0xf400 - 0xffff) & 0xffff);
  t.equal(checksum(bytes, 0, 0), 0xffff);
  t.end();
});

t.test('records are windows on memory', (t) => {
  const Point = record({ a: 'u8', b: 'u16', c: 'u32', d: 'u48', e: 'f64' });
  t.equal(Point.size, 21);
  const view = new DataView(new ArrayBuffer(64));
  const point = new Point(view, 3);
  Object.assign(point, { a: 0x1ff, b: -1, c: 2 ** 32 + 5, d: 0xabcdef012345, e: 0.5 });
  t.same([point.a, point.b, point.c, point.d, point.e], [0xff, 0xffff, 5, 0xabcdef012345, 0.5]);
  t.equal(Buffer.from(view.buffer, 3, 13).toString('hex'), 'ffffff00000005abcdef012345');
  t.equal(Connection.size, 64);
  t.end();
});

t.test('the ring of frames: order, bound, wrapping, taking back', (t) => {
  const ring = new FrameRing(256);
  const frame = (value: number, length: number) => new Uint8Array(length).fill(value);
  t.equal(ring.shift(), undefined);
  let sent = 0;
  let received = 0;
  for (let round = 0; round < 500; round++) {
    const length = 1 + ((round * 37) % 90);
    if (ring.push(sent, frame(sent & 255, length), length)) sent++;
    const mark = ring.mark();
    ring.push(9999, frame(1, 40), 40);
    ring.undo(mark);
    if (round % 3 > 0 || ring.count > 2) {
      const taken = ring.shift()!;
      t.equal(taken.clone, received);
      t.ok(taken.frame.every((byte) => byte === (received & 255)));
      received++;
    }
  }
  t.equal(sent - received, ring.count);
  t.ok(received > 300);
  t.ok(ring.dropped > 0);
  while (ring.shift()) received++;
  t.equal(sent, received);
  t.ok(ring.push(1, frame(0, 248), 248), 'one that fills it');
  t.notOk(ring.push(1, frame(0, 1), 1));
  t.end();
});
