import t from 'tap';
import { AddressLedger, NumberLedger } from '../../../../src/farm/policy/ledger.js';
import { type Limit, readLimits } from '../../../../src/farm/policy/limits.js';
import { Meter } from '../../../../src/farm/policy/meter.js';
import { Tallies } from '../../../../src/farm/policy/tallies.js';

const limit = (text: string): Limit =>
  readLimits(
    text.split(' ').map((word) => ({ text: word, offset: 0 })),
    { text: '', offset: 0 },
  )[0]!;

/** Asks for some amounts at some times, and says which were admitted. */
function use(meter: Meter, asked: readonly (readonly [time: number, what: number])[], slot = 0): boolean[] {
  return asked.map(([time, what]) => {
    const count = meter.count(slot, time);
    const admitted = meter.admits(slot, count, what);
    if (admitted) meter.add(slot, time, count, what);
    return admitted;
  });
}

t.test('a window begins with what is counted first, and lasts the time of the limit', async (t) => {
  const meter = new Meter(limit('flows 2/minute per clone'));
  t.same(
    use(meter, [
      [100, 1],
      [159.9, 1],
      [159.99, 1],
      [160, 1],
      [219.9, 1],
      [219.99, 1],
      [300, 1],
    ]),
    [true, true, false, true, true, false, true],
  );
  t.equal(meter.count(0, 300), 1);
  t.equal(meter.count(0, 360), 0);
});

t.test('what is refused is not counted', async (t) => {
  const meter = new Meter(limit('bytes 1k/second per farm'));
  t.same(
    use(meter, [
      [0, 1000],
      [0.1, 25],
      [0.2, 24],
      [0.3, 1],
    ]),
    [true, false, true, false],
  );
});

t.test('nothing passes a limit of nothing', async (t) => {
  t.same(
    use(new Meter(limit('flows 0/day per clone')), [
      [1, 1],
      [1e9, 1],
    ]),
    [false, false],
  );
});

t.test('destinations are counted once a window each', async (t) => {
  const meter = new Meter(limit('destinations 2/minute per clone'));
  t.same(
    use(meter, [
      [0, 7],
      [1, 7],
      [2, 8],
      [3, 9],
      [4, 7],
      [60, 9],
      [60, 9],
      [61, 8],
      [62, 7],
    ]),
    [true, true, true, false, true, true, true, true, false],
  );
});

t.test('each slot counts for itself, however high its number', async (t) => {
  const meter = new Meter(limit('flows 1/minute per clone'));
  for (const slot of [0, 5000, 3, 70_000])
    t.same(
      use(
        meter,
        [
          [0, 1],
          [1, 1],
        ],
        slot,
      ),
      [true, false],
      `slot ${slot}`,
    );
  meter.clear(5000);
  t.same([meter.count(5000, 2), meter.count(3, 2)], [0, 1]);
  t.same([meter.tells(3, 2), meter.tells(3, 3), meter.tells(4, 2)], [true, false, true], 'told once a window');
});

t.test('meters that count together keep what they counted when others come and go', async (t) => {
  const [a, b, c] = ['flows 9/hour', 'packets 9/hour', 'bytes 9/hour'].map(
    (text) => new Meter(limit(`${text} per clone`)),
  );
  const tallies = new Tallies();
  tallies.install([a!, b!]);
  for (const slot of [0, 100]) for (const [i, meter] of [a!, b!].entries()) meter.add(slot, 5, 0, slot + i + 1);
  tallies.install([c!, b!]);
  t.same([b!.count(0, 6), b!.count(100, 6)], [2, 102]);
  t.same([c!.count(0, 6), c!.count(100, 6)], [0, 0]);
  t.equal(b!.count(0, 3605), 0, 'and its window ends when it would have');
  c!.add(100, 7, 0, 3);
  t.same([b!.count(100, 8), c!.count(100, 8)], [102, 3]);
});

t.test('a ledger of clones is bounded, and lets go of those that are gone', async (t) => {
  const meter = new Meter(limit('flows 9/hour per clone'));
  const ledger = new NumberLedger(3);
  ledger.meters = [meter];
  const owners = [1, 2, 3].map(() => ({ state: 'live' }));
  const slots = owners.map((owner, i) => ledger.slot(i + 1, 0, owner));
  for (const slot of slots) meter.add(slot, 0, 0, 1);
  t.equal(ledger.slot(4, 0), -1, 'all are counted for');
  t.equal(ledger.slot(2, 0), slots[1], 'a key keeps its slot');
  owners[1]!.state = 'gone';
  t.equal(ledger.slot(4, 10), slots[1], 'the slot of one that is gone');
  t.equal(meter.count(slots[1]!, 10), 0, 'begins anew');
  meter.add(slots[1]!, 10, 0, 1);
  ledger.release(3);
  t.equal(ledger.slot(5, 10), slots[2], 'the slot of one that was released');
  meter.add(slots[2]!, 10, 0, 1);
  t.equal(ledger.slot(3, 10), -1, 'which has none any more');
  ledger.sweep(4000);
  t.equal(ledger.size, 0, 'windows that are over need no counter');
});

t.test('a ledger of addresses forgets none before its window is over', async (t) => {
  const meter = new Meter(limit('flows 9/minute per destination'));
  const ledger = new AddressLedger(8, 60, new Uint8Array(16));
  ledger.meters = [meter];
  const slot = ledger.slot(77, 100);
  meter.add(slot, 100, 0, 5);
  for (let key = 0; key < 1000; key++) ledger.slot(key + 100, 159);
  t.equal(ledger.slot(77, 160), slot);
  t.equal(meter.count(slot, 159.9), 5);
  t.ok(ledger.size <= 8);
  for (let i = 0; i < 32; i++) ledger.sweep(400);
  t.equal(ledger.size, 0);
});
