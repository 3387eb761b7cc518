import t from 'tap';
import { HashSwitch } from '../../../src/elements/HashSwitch.js';
import { RoundRobinSwitch } from '../../../src/elements/RoundRobinSwitch.js';
import { Switch } from '../../../src/elements/Switch.js';
import { rig, type Seen } from '../rig.js';

const texts = (out: Record<string, Seen[]>) =>
  Object.values(out).map((list) => list.map(({ bytes }) => bytes.toString()));

t.test('RoundRobinSwitch deals in turn, also across turns', async (t) => {
  const bench = rig(RoundRobinSwitch, '', { outputs: 3 });
  for (const text of ['a', 'b']) bench.put(Buffer.from(text));
  t.strictSame(texts(bench.run()), [['a'], ['b'], []]);
  for (const text of ['c', 'd']) bench.put(Buffer.from(text));
  t.strictSame(texts(bench.run()), [['d'], [], ['c']]);
});

t.test('HashSwitch keeps together what agrees in the chosen bytes', async (t) => {
  const bench = rig(HashSwitch, '1, 2', { outputs: 4 });
  for (let i = 0; i < 64; i++) for (const first of ['x', 'y']) bench.put(Buffer.from([first.charCodeAt(0), i, 9, i]));
  bench.put(Buffer.from([1, 2]));
  const out = Object.values(bench.run());
  for (const list of out) {
    t.ok(list.length >= 16, 'all outputs are used');
    const ids = list.filter(({ bytes }) => bytes.length === 4).map(({ bytes }) => bytes[1]);
    t.equal(ids.length, 2 * new Set(ids).size);
  }
  t.equal(out[0]!.filter(({ bytes }) => bytes.length === 2).length, 1, 'a short packet goes to output 0');
  t.throws(() => rig(HashSwitch, '1, 0'), { message: /LENGTH: expected a whole number from 1/ });
});

t.test('Switch goes where it is told', async (t) => {
  const bench = rig(Switch, '1', { outputs: 2 });
  const lever = bench.element.handlers().switch;
  bench.put(Buffer.from('a'));
  t.strictSame(texts(bench.run()), [[], ['a']]);
  lever.write('0');
  bench.put(Buffer.from('b'));
  t.strictSame(texts(bench.run()), [['b'], []]);
  lever.write('-1');
  bench.put(Buffer.from('c'));
  t.strictSame(texts(bench.run()), [[], []]);
  t.equal(bench.element.drops['switched-off'].value, 1);
  t.throws(() => lever.write('2'), { message: 'output 2 is not connected' });
  t.throws(() => lever.write('left'), { message: /expected a port number/ });
  t.equal(lever.read(), '-1');
  t.throws(() => rig(Switch, '2', { outputs: 2 }), { message: /output 2 is not connected/ });
});
