import fc from 'fast-check';
import t from 'tap';
import { answerNtp } from '../../../../src/farm/sinks/ntp.js';

const NOW = 1_800_000_000.5;

function question(mode: number, version = 4, length = 48): Buffer {
  const bytes = Buffer.alloc(length, 9);
  bytes[0] = (version << 3) | mode;
  return bytes;
}

t.test('a client is told the time', async (t) => {
  for (const version of [1, 2, 3, 4]) {
    const answer = Buffer.from(answerNtp(question(3, version), NOW)!);
    t.equal(answer.length, 48);
    t.equal(answer[0], (version << 3) | 4, 'its version, mode 4, no warning');
    t.equal(answer[1], 2);
    t.same(answer.subarray(24, 32), Buffer.alloc(8, 9), 'its own time comes back');
    for (const at of [32, 40]) {
      t.equal(answer.readUInt32BE(at) - 2_208_988_800, 1_800_000_000);
      t.equal(answer.readUInt32BE(at + 4), 2 ** 31);
    }
  }
});

t.test('nobody else is told anything', async (t) => {
  for (const mode of [0, 1, 2, 4, 5, 6, 7]) t.equal(answerNtp(question(mode), NOW), undefined, `mode ${mode}`);
  for (const version of [0, 5, 6, 7]) t.equal(answerNtp(question(3, version), NOW), undefined, `version ${version}`);
  t.equal(answerNtp(question(3, 4, 47), NOW), undefined);
  t.equal(answerNtp(new Uint8Array(0), NOW), undefined);
});

t.test('no answer is longer than its question', async () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => (answerNtp(bytes, NOW)?.length ?? 0) <= bytes.length),
  );
});
