import t from 'tap';
import { CheckIPHeader } from '../../../src/elements/CheckIPHeader.js';
import { GreDecap } from '../../../src/elements/GreDecap.js';
import { FAULT_NAMES } from '../../../src/packet/faults.js';
import { passSound } from '../../../src/pipeline/faulty.js';
import { craft } from '../craft.js';
import { rig } from '../rig.js';

t.test('a fault that an element does not declare, or that has no name, is a drop and no exception', async (t) => {
  const { engine, element } = rig(CheckIPHeader);
  const { packets } = engine;
  for (const fault of [...FAULT_NAMES.keys(), FAULT_NAMES.length, 255]) packets.fault[packets.take()] = fault;
  const input = element.out.out;
  for (let row = 0; row < packets.used; row++) input.add(row);
  const batch = { rows: Uint16Array.from(input.rows), count: input.count } as typeof input;
  input.clear();
  passSound(packets, batch, element.drops, input);
  t.equal(input.count, 1, 'the sound row');
  t.equal(element.drops['ip-options'].value, 1);
  const declared = Object.keys(element.drops).length - 1;
  t.equal(element.drops.faulty.value, FAULT_NAMES.length - 1 - declared + 2);
});

t.test('a tunnel packet with impossible IP options is dropped for that', async (t) => {
  const bench = rig(GreDecap);
  bench.put(craft({ proto: 47, options: Buffer.from([7, 99, 4, 0]), payload: Buffer.from([0, 0, 8, 0]) }));
  bench.run();
  t.equal(bench.element.drops['ip-options'].value, 1);
});
