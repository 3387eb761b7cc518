import t from 'tap';
import { InfiniteSource } from '../../../src/elements/InfiniteSource.js';
import { TimedSource } from '../../../src/elements/TimedSource.js';
import { rig } from '../rig.js';

t.test('InfiniteSource gives LIMIT packets, BURST in a turn', async (t) => {
  const bench = rig(InfiniteSource, 'DATA \\<45 00>, LIMIT 10, BURST 4, STOP true', { now: 1000.25 });
  const { handlers } = bench.engine;
  t.equal(bench.element.ended, false);
  bench.engine.turn();
  t.equal(handlers.read('element.count'), '4');
  const { out } = bench.run();
  t.equal(out!.length, 10);
  t.ok(bench.element.ended);
  t.strictSame(out![0]!.bytes, Buffer.from([0x45, 0]));
  t.same([out![0]!.sec, out![0]!.nsec], [1000, 250_000_000]);
  t.equal(handlers.read('element.data'), '\\<4500>');
  handlers.write('element.data', 'ab');
  handlers.write('element.limit', '3');
  handlers.write('element.reset', '');
  t.strictSame(
    bench.run().out!.map(({ bytes }) => bytes.toString()),
    ['ab', 'ab', 'ab'],
  );
  handlers.write('element.active', 'false');
  handlers.write('element.reset', '');
  t.equal(bench.run().out!.length, 0);
  t.throws(() => rig(InfiniteSource, `DATA ${'x'.repeat(3000)}`), { message: /expected at most 2048 bytes/ });
});

t.test('it never takes more than the table has, and without a limit never ends', async (t) => {
  const bench = rig(InfiniteSource, 'BURST 256');
  for (let i = 0; i < 8; i++) t.ok(bench.engine.turn());
  t.equal(bench.engine.handlers.read('element.count'), '2048');
  t.equal(bench.engine.handlers.read('element.limit'), '-1');
  t.equal(bench.element.ended, undefined);
});

t.test('the packet it gives by default is sound', async (t) => {
  const bench = rig(InfiniteSource, 'LIMIT 1');
  const { bytes } = bench.run().out![0]!;
  const sum = (bytes: Buffer, start: number) => {
    let total = start;
    for (let i = 0; i < bytes.length; i += 2) total += bytes.readUInt16BE(i);
    while (total > 0xffff) total = (total & 0xffff) + (total >>> 16);
    return total;
  };
  t.equal(bytes.length, 64);
  t.equal(bytes.readUInt16BE(2), 64);
  t.equal(sum(bytes.subarray(0, 20), 0), 0xffff, 'IPv4 checksum');
  t.equal(sum(bytes.subarray(12), 17 + 44), 0xffff, 'UDP checksum');
});

t.test('TimedSource gives a packet every INTERVAL', async (t) => {
  const bench = rig(TimedSource, '500ms, DATA abc, LIMIT 4, STOP true');
  await bench.engine.start();
  t.equal(bench.run().out!.length, 0);
  bench.wait(0.5);
  t.strictSame(
    bench.run().out!.map(({ bytes }) => bytes.toString()),
    ['abc'],
  );
  bench.wait(0.4);
  t.equal(bench.run().out!.length, 0);
  bench.wait(0.1);
  t.equal(bench.run().out!.length, 1);
  bench.element.handlers().interval.write('10ms');
  t.equal(bench.element.handlers().interval.read(), '10ms');
  for (let i = 0; i < 10; i++) {
    bench.wait(0.01);
    bench.run();
  }
  t.equal(bench.engine.handlers.read('element.count'), '4');
  t.ok(bench.element.ended);
  await bench.engine.stop();
  t.equal(bench.clock.deadline, Number.POSITIVE_INFINITY);
  t.throws(() => rig(TimedSource, '0'), { message: /INTERVAL must be above zero/ });
});
