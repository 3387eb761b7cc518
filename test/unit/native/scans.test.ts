import t from 'tap';
import { native } from '../../../src/native/addon.js';
import { Packets } from '../../../src/packet/packets.js';
import { Scans } from '../../../src/packet/scans.js';
import { Table } from '../../../src/packet/table.js';

const seed = new Uint8Array(16).fill(7);

t.test('a batch decides about its packets one after the other', async (t) => {
  const scans = new Scans({ targets: 2, window: 1000, capacity: 100, seed });
  const packets = new Packets();
  const targets = [1, 2, 3, 2, 1, 4];
  const rows = Uint16Array.from(targets, (target) => {
    const row = packets.take();
    packets.src[row] = 9;
    packets.dst[row] = target;
    packets.proto[row] = 6;
    packets.dport[row] = 80;
    return row;
  });
  scans.admit(packets, rows, rows.length, 0);
  t.same([...scans.admitted.subarray(0, 6)], [1, 1, 0, 1, 1, 0]);
  scans.admit(packets, rows.subarray(2), 1, 999);
  t.equal(scans.admitted[0], 0);
  scans.admit(packets, rows.subarray(2), 1, 1000);
  t.equal(scans.admitted[0], 1, 'another window');
  t.equal(scans.size, 1);
});

t.test('a count of targets that is damaged does not lead beyond the entry', async (t) => {
  const table = new Table({ keyWords: 3, valueWords: 4, capacity: 1, seed });
  const packets = new Packets();
  const rows = Uint16Array.of(packets.take());
  const admitted = new Uint8Array(1);
  const admit = () => native.scansAdmit(table.memory, packets.bytes, rows, 1, 0, 1000, 2, admitted);
  admit();
  t.equal(admitted[0], 1);
  table.values[1] = 0xffffffff;
  packets.dst[rows[0]!] = 77;
  admit();
  t.equal(admitted[0], 0);
});

t.test('arguments are checked', async (t) => {
  const { memory } = new Table({ keyWords: 3, valueWords: 4, capacity: 10, seed });
  const packets = new Packets();
  const rows = new Uint16Array(2);
  const admit = (over: { memory?: Uint8Array; n?: number; targets?: number; admitted?: Uint8Array; now?: number }) =>
    native.scansAdmit(
      over.memory ?? memory,
      packets.bytes,
      rows,
      over.n ?? 2,
      over.now ?? 0,
      60_000,
      over.targets ?? 2,
      over.admitted ?? new Uint8Array(2),
    );
  t.doesNotThrow(() => admit({}));
  t.throws(() => admit({ targets: 3 }), TypeError, 'there is no room for a third target');
  t.throws(() => admit({ targets: 63 }), TypeError);
  t.throws(() => admit({ memory: new Uint8Array(100) }), TypeError);
  t.throws(() => admit({ memory: new Table({ keyWords: 2, valueWords: 4, capacity: 10 }).memory }), TypeError);
  t.throws(() => admit({ n: 3 }), RangeError);
  t.throws(() => admit({ now: -1 }), RangeError);
  t.throws(() => admit({ admitted: new Uint8Array(1) }), RangeError);
  t.throws(() => admit({ admitted: new Uint8Array(rows.buffer) }), /admitted/);
});
