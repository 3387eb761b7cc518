import t from 'tap';
import { ROWS } from '../../../src/packet/columns.js';
import { TurnKeys } from '../../../src/packet/turn-keys.js';

t.test('keys have numbers for one turn', async (t) => {
  const keys = new TurnKeys(new Uint8Array(8).fill(3));
  const all = Array.from({ length: 2 * ROWS }, (_, i) => [i & 7, i >> 3, -1 - (i & 3)] as const);
  for (let turn = 0; turn < 3; turn++) {
    for (const [number, key] of all.entries()) {
      if (!(keys.find(...key) === -1 && keys.add(...key) === number && keys.find(...key) === number))
        t.fail(String(number));
    }
    t.ok(all.every((key, number) => keys.find(...key) === number));
    t.equal(keys.add(9, 9, 9), -1, 'no more than two a row');
    keys.clear();
    t.equal(keys.count, 0);
  }
});
