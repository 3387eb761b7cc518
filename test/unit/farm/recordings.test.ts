import t from 'tap';
import { Recordings } from '../../../src/farm/recordings.js';
import { cloneMac } from '../../../src/farm/wire.js';
import { tcp } from '../native/build.js';
import { framed } from './recorded.js';

/** The wire of a clone over which a packet went: 2048 bytes. */
function wire(recordings: Recordings, clone: number) {
  const recording = recordings.begin();
  const { packets, row } = framed(tcp(), cloneMac(clone));
  recording.add(packets, row, 'in', 0);
  return { address: clone, mac: cloneMac(clone), clone, universe: 1, image: 'linux', recording };
}

t.test('recordings of the dead take half of the budget at most, until their universe ends', async (t) => {
  const recordings = new Recordings({ each: 4096, all: 4 * 2048 });
  const remains = recordings.of(1);
  t.equal(recordings.of(1), remains);
  for (const clone of [1, 2, 3]) recordings.keep(remains, wire(recordings, clone));
  t.strictSame(
    remains.wires.map(({ clone }) => clone),
    [1, 2],
  );
  t.equal(recordings.bytes, 2 * 2048, 'the third has let its memory go');
  const living = [wire(recordings, 4), wire(recordings, 5), wire(recordings, 6)];
  t.strictSame(
    living.map(({ recording }) => recording.frames),
    [1, 1, 0],
    'and all keep to the budget',
  );
  t.equal(recordings.take(1), remains);
  t.not(recordings.of(1), remains);
  recordings.release(remains);
  t.equal(recordings.bytes, 2 * 2048);
  const other = recordings.of(2);
  recordings.keep(other, living[0]!);
  recordings.keep(other, living[1]!);
  t.equal(other.wires.length, 2, 'there is room again');
});
