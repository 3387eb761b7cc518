import fc from 'fast-check';
import t from 'tap';
import { Recording, RecordingBudget } from '../../../src/farm/recording.js';
import { framed } from './recorded.js';

const mac = Uint8Array.of(2, 0, 0, 0, 0, 9);
const packet = (length: number, first = 0) => Uint8Array.from({ length }, (_, i) => first + i);
const add = (recording: Recording, bytes: Uint8Array, now = 1.5) => {
  const { packets, row } = framed(bytes, mac);
  recording.add(packets, row, 'in', now);
};

t.test('frames come back as they went in', async (t) => {
  const lengths = fc.array(
    fc.tuple(fc.integer({ min: 0, max: 1514 }), fc.constantFrom('in' as const, 'out' as const)),
    {
      maxLength: 40,
    },
  );
  fc.assert(
    fc.property(lengths, (frames) => {
      const recording = new Recording(new RecordingBudget(1 << 24), 1 << 20);
      const wanted = frames.map(([length, direction], i) => {
        const { packets, row } = framed(packet(length, i), mac);
        recording.add(packets, row, direction, 1.7e9 + i + 0.25);
        return { sec: 1.7e9 + i, nsec: 250_000_000, direction, bytes: [...packets.packet(row)], comment: undefined };
      });
      t.same(
        [...recording].map((frame) => ({ ...frame, bytes: [...frame.bytes] })),
        wanted,
      );
    }),
    { numRuns: 30 },
  );
});

t.test('the beginning is kept, without gaps, and the rest is counted', async (t) => {
  const budget = new RecordingBudget(1 << 20);
  const recording = new Recording(budget, 4096);
  for (let i = 0; i < 10; i++) add(recording, packet(1000, i));
  t.equal(recording.full, 'limit');
  t.same([recording.frames, recording.missed], [3, 7]);
  add(recording, packet(1));
  t.same([recording.frames, recording.missed], [3, 8], 'nor is a short one taken later');
  t.equal(recording.missedBytes, 7 * 1014 + 15);
  t.equal([...recording].length, 3);
  t.equal(recording.size, 4096);
  t.equal(budget.used, 4096);
  recording.close();
  t.equal(budget.used, 0);
  add(recording, packet(1));
  t.same([[...recording].length, recording.size, recording.full], [0, 0, 'closed']);
});

t.test('all recordings share a budget', async (t) => {
  const budget = new RecordingBudget(10_000);
  const recordings = Array.from({ length: 10 }, () => new Recording(budget, 1 << 20));
  for (const recording of recordings) add(recording, packet(100));
  t.same(
    recordings.map(({ full }) => full),
    [...Array(4).fill(undefined), ...Array(6).fill('budget')],
  );
  t.ok(budget.used <= budget.limit);
  for (const recording of recordings) recording.close();
  t.equal(budget.used, 0);
});

t.test('comments belong to the frame before them, and are bounded', async (t) => {
  const recording = new Recording(new RecordingBudget(1 << 20), 1 << 20);
  recording.comment('of nothing');
  add(recording, packet(10));
  add(recording, packet(10));
  recording.comment('x'.repeat(1000));
  t.same(
    [...recording].map(({ comment }) => comment?.length),
    [undefined, 200],
  );
  for (let i = 0; i < 1000; i++) {
    add(recording, packet(1));
    recording.comment('x');
  }
  t.equal([...recording].filter(({ comment }) => comment !== undefined).length, 256);
});
