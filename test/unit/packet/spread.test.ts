import t from 'tap';
import { spreadBy, workerFor, workerOf } from '../../../src/packet/spread.js';
import { craft } from '../craft.js';
import { greVariant, greVariants } from '../gre-variants.js';

const DST = 0x0a6311fe;
const inner = craft({ proto: 6, dst: DST });

t.test('the address inside GRE counts, wherever its options put it', async (t) => {
  for (const flags of [0, 0x8000, 0x2000, 0x1000, 0xa000, 0x9000, 0x3000, 0xb000, 0x0300, 0x00f8]) {
    t.equal(spreadBy(greVariant({ inner, flags })), DST, flags.toString(16));
    t.equal(
      spreadBy(greVariant({ inner, flags, options: Buffer.alloc(40, 1) })),
      DST,
      `${flags.toString(16)}, options`,
    );
  }
});

t.test('any other packet counts by its destination', async (t) => {
  t.equal(spreadBy(inner), DST);
  t.equal(spreadBy(craft({ proto: 17, dst: DST, fragment: 0x2000 })), DST, 'a first fragment');
  t.equal(spreadBy(craft({ proto: 17, dst: DST, fragment: 7, payload: Buffer.alloc(16) })), DST, 'a later one');
});

t.test('GRE in which no packet can be found is the first worker’s', async (t) => {
  const odd = {
    routing: { flags: 0x4000 },
    reserved: { flags: 0x0400 },
    'version 1': { flags: 1 },
    Ethernet: { type: 0x6558 },
    'a fragment': { fragment: 0x2000 },
    'cut short': { cut: inner.length - 19 },
    'cut short behind options': { flags: 0xb000, cut: inner.length - 19 },
    'nothing inside': { cut: inner.length },
  };
  for (const [what, how] of Object.entries(odd)) {
    const bytes = greVariant({ inner, ...how });
    t.equal(spreadBy(bytes), undefined, what);
    t.equal(workerFor(bytes, 4), 0, what);
  }
  t.equal(spreadBy(greVariant({ inner, cut: inner.length - 20 })), DST, 'a bare header is enough');
  t.equal(workerFor(inner.subarray(0, 19), 4), 0, 'less than a header');
});

t.test('every worker gets its share of a telescope', async (t) => {
  for (const bits of [8, 12, 16]) {
    for (const workers of [2, 3, 4, 8]) {
      const got = new Array<number>(workers).fill(0);
      for (let i = 0; i < 1 << bits; i++) got[workerOf((0x0a630000 + i) >>> 0, workers)]!++;
      const even = (1 << bits) / workers;
      t.ok(Math.max(...got) <= even * 1.1 + 1, `/${32 - bits} over ${workers}: ${got}`);
    }
  }
});

t.test('one worker has all', async (t) => {
  t.same([...new Set(greVariants(DST).map((bytes) => workerFor(bytes, 1)))], [0]);
});
