import { closeSync } from 'node:fs';
import t from 'tap';
import { Wires } from '../../../src/farm/wires.js';
import { native } from '../../../src/native/addon.js';
import { BATCH, ROWS } from '../../../src/packet/columns.js';
import { Packets } from '../../../src/packet/packets.js';

t.test('frames are taken into rows of the table, as far as there are any', async (t) => {
  const wires = new Wires();
  const [ours, theirs] = Wires.pair();
  wires.add(7, ours);
  const end = native.openFrames(theirs, 14);
  t.teardown(() => {
    wires.close();
    end.close();
  });
  const woken = new Promise<void>((resolve) => wires.onReadable(resolve));

  const packets = new Packets();
  const row = packets.take();
  packets.length[row] = 60;
  t.equal(end.send(packets.bytes, Uint16Array.of(row), 1), 1);
  t.equal(end.send(packets.bytes, Uint16Array.of(row), 1), 1);
  await woken;
  packets.used = ROWS - 1;
  t.equal(wires.receive(packets, BATCH), 1, 'the table had one row left');
  t.strictSame([packets.used, packets.clone[ROWS - 1], packets.length[ROWS - 1]], [ROWS, 7, 60]);
  t.equal(wires.receive(packets, BATCH), 0);

  t.equal(wires.send(packets, Uint16Array.of(ROWS - 1, row), 2), 1, 'one row is for nobody');
  t.equal(end.receive(packets.bytes, 0, 2), 1);
  t.equal(wires.remove(7), true);
  t.equal(wires.remove(7), false);
});

t.test('what may wait for a clone that hangs is bounded', async (t) => {
  const wires = new Wires();
  const [ours, theirs] = Wires.pair();
  t.teardown(() => {
    wires.close();
    closeSync(theirs);
  });
  wires.add(1, ours);
  const packets = new Packets();
  const rows = Uint16Array.from({ length: ROWS }, () => packets.take());
  packets.length.fill(1514);
  packets.clone.fill(1);
  const taken = wires.send(packets, rows, ROWS);
  t.ok(taken > 50 && taken < 500, `${taken} frames`);
});
