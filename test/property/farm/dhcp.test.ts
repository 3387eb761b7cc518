import fc from 'fast-check';
import t from 'tap';
import { answerDhcp, isDhcp } from '../../../src/farm/dhcp.js';
import { SLOT, SLOTS_AT } from '../../../src/packet/columns.js';
import { Packets } from '../../../src/packet/packets.js';

const INSIDE = 0x0a00020f;
/** An Ethernet frame with 14 + 28 + 300 bytes. */
const ANSWER = 342;

const byte = fc.nat({ max: 255 });

/** A message that is nearly sound: options of any kind and length, some bytes changed, some cut off. */
const nearly = fc
  .record({
    type: fc.constantFrom(1, 1, 3, 3, 4, 7, 8, 9),
    options: fc.array(fc.tuple(fc.constantFrom(0, 12, 50, 50, 53, 54, 61, 255), fc.uint8Array({ maxLength: 8 }))),
    changes: fc.array(fc.tuple(fc.nat({ max: 340 }), byte), { maxLength: 3 }),
    cut: fc.oneof(fc.constant(0), fc.nat({ max: 120 })),
    header: fc.constantFrom(20, 20, 20, 24, 60),
  })
  .map(({ type, options, changes, cut, header }) => {
    const coded = options.map(([code, value]) => Buffer.from([code, value.length, ...value]));
    const message = Buffer.concat([Buffer.alloc(236), Buffer.from('63825363350101', 'hex'), ...coded]);
    message.set([1, 1, 6]);
    message[242] = type;
    const frame = Buffer.concat([Buffer.alloc(14 + header + 8), message]);
    frame.writeUInt16BE(0x0800, 12);
    frame[14] = 0x40 | (header / 4);
    frame.writeUInt16BE(frame.length - 14, 16);
    frame[23] = 17;
    frame.writeUInt32BE(0xffffffff, 30);
    const udp = 14 + header;
    frame.writeUInt16BE(68, udp);
    frame.writeUInt16BE(67, udp + 2);
    frame.writeUInt16BE(frame.length - udp, udp + 4);
    for (const [at, value] of changes) if (at < frame.length) frame[at] = value;
    return frame.subarray(0, Math.max(34, frame.length - cut));
  });

const frame = fc.oneof(
  { weight: 4, arbitrary: nearly },
  { weight: 1, arbitrary: fc.uint8Array({ minLength: 34, maxLength: 1514 }).map((bytes) => Buffer.from(bytes)) },
);

t.test('no bytes make it throw, answer at length, or touch another row', async (t) => {
  const outcomes = { answered: 0, ignored: 0, malformed: 0 };
  const packets = new Packets();
  fc.assert(
    fc.property(frame, fc.nat({ max: 500 }), (bytes, shift) => {
      packets.reset();
      for (let i = 0; i < 3; i++) packets.take();
      const slots = packets.bytes.subarray(SLOTS_AT, SLOTS_AT + 3 * SLOT).fill(0xa5);
      const row = 1;
      // Wherever in its slot it starts.
      packets.start[row] = packets.slot(row) + (shift % (SLOT - bytes.length + 1));
      packets.length[row] = bytes.length;
      packets.bytes.set(bytes, packets.start[row]!);
      if (!isDhcp(packets, row, INSIDE)) return true;
      const outcome = answerDhcp(packets, row, INSIDE);
      outcomes[outcome]++;
      for (const other of [0, 2]) {
        if (slots.subarray(other * SLOT, (other + 1) * SLOT).some((value) => value !== 0xa5)) {
          throw new Error('another row has changed');
        }
      }
      const start = packets.start[row]! - packets.slot(row);
      if (outcome !== 'answered') return Buffer.compare(bytes, packets.packet(row)) === 0;
      return packets.length[row] === ANSWER && start >= 0 && start + ANSWER <= SLOT;
    }),
    { numRuns: 5000 },
  );
  t.comment(JSON.stringify(outcomes));
  t.ok(Math.min(...Object.values(outcomes)) > 100, 'all of it happened');
});
