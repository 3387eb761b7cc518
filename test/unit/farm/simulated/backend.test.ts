import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import t from 'tap';
import type { BackendListener } from '../../../../src/farm/backend.js';
import { PAGE_SIZE } from '../../../../src/farm/pool.js';
import { SimulatedBackend } from '../../../../src/farm/simulated/backend.js';
import { cloneMac } from '../../../../src/farm/wire.js';
import { A, type Bench, bench, HERE, MAC, P, Peer, PLAIN, ping, S, tcp } from './bench.js';

t.test('a clone is ready at the next turn, not before', async (t) => {
  const b = await bench(t);
  b.backend.request(1, 0, { address: HERE, mac: MAC, hostname: 'a', entropy: 1n });
  t.same(b.told, []);
  t.ok(b.backend.busy);
  t.notOk(b.give(1, ping('early')), 'and takes no frames');
  t.same(b.take(), []);
  t.same(b.told, ['ready 1']);
  t.notOk(b.backend.busy);
  t.ok(b.give(1, ping('now')));
  t.equal(b.take().length, 1);
  t.end();
});

t.test('with a latency it takes so long', async (t) => {
  const b = await bench(t, { plain: PLAIN }, { latency: 0.5 });
  const identity = { address: HERE, mac: MAC, hostname: 'a', entropy: 1n };
  b.backend.request(1, 0, identity);
  b.wait(0.3);
  b.backend.request(2, 0, identity);
  b.backend.request(3, 0, identity);
  b.backend.destroy(3);
  t.notOk(b.backend.busy);
  b.take();
  t.same(b.told, []);
  b.wait(0.25);
  t.ok(b.backend.busy);
  b.take();
  t.same(b.told, ['ready 1']);
  b.wait(0.3);
  b.take();
  t.same(b.told, ['ready 1', 'ready 2'], 'what was destroyed meanwhile is not heard of');
  t.end();
});

t.test('a clone that cannot be made', async (t) => {
  const sabotage = (id: number, image: string) => (id === 2 ? `no ${image} today` : undefined);
  const b = await bench(t, { plain: PLAIN }, { sabotage, maxClones: 1 });
  b.make(1);
  b.make(2);
  b.make(3);
  b.make(4, {}, 'none');
  t.match(b.told, [
    'ready 1',
    'failed 2: no plain today',
    /^failed 3: .*clone/,
    'failed 4: there is no image number -1',
  ]);
  t.notOk(b.give(3, ping('x')));
  b.backend.destroy(1);
  b.make(5);
  t.equal(b.told.at(-1), 'ready 5', 'room for one again');
  t.end();
});

t.test('the memory budget', async (t) => {
  const hungry = `${PLAIN}\ndirty birth 10\ndirty packet 5`;
  const b = await bench(t, { plain: hungry }, { memoryBudget: 400_000 });
  b.make(1);
  const { delta } = b.backend.memory();
  t.equal(delta, 11 * PAGE_SIZE, 'its state and what its profile says');
  t.equal(b.backend.delta(1), delta);
  b.ask(1, ping('x'));
  t.equal(b.backend.delta(1), 16 * PAGE_SIZE);

  const peer = new Peer(b, 1, 7);
  peer.open();
  while (b.give(1, ping('x'))) b.take();
  t.equal(b.backend.counters.starved, 1);
  t.same(b.take(), [], 'what it could not do it has not begun');
  const before = b.backend.delta(1);
  t.notOk(b.give(1, ping('x')));
  t.equal(b.backend.delta(1) - before < 5 * PAGE_SIZE, true);
  b.make(2);
  t.match(b.told.at(-1), /^failed 2: .*budget/);
  b.backend.destroy(1);
  t.equal(b.backend.memory().delta, 0);
  b.make(3);
  t.equal(b.told.at(-1), 'ready 3');
  t.end();
});

t.test('the working set is bounded', async (t) => {
  const b = await bench(t, { plain: 'memory 2M\ndirty birth 3\ndirty packet 4\ndirty limit 12' });
  b.make(1);
  for (let i = 0; i < 10; i++) b.ask(1, ping('x'));
  t.equal(b.backend.delta(1), 13 * PAGE_SIZE);
  t.end();
});

t.test('images: those of the names given', async (t) => {
  const b = await bench(t, { two: PLAIN, one: 'memory 4M\nttl 128' });
  b.make(1, {}, 'one');
  b.make(2, {}, 'two');
  t.equal(b.ask(1, ping('x'))[0]!.ttl, 128);
  t.equal(b.ask(2, ping('x'))[0]!.ttl, 64);
  const options = (folder: string) => ({
    services: { clock: b.clock, wake() {} },
    folder,
    memoryBudget: 1,
    maxClones: 1,
  });
  const start = (folder: string) => new SimulatedBackend(options(folder)).start({} as BackendListener, ['x']);
  const folder = t.testdir({ empty: {}, wrong: { 'x.image': 'memory 2M\ncolour red' } });
  await t.rejects(start(join(folder, 'empty')), /no simulated image 'x' in .*; there are none/);
  await t.rejects(start(join(folder, 'none')), /ENOENT/);
  await t.rejects(start(join(folder, 'wrong')), /x\.image:2:1: unknown key 'colour'/);
  t.end();
});

t.test('the outbox is bounded', async (t) => {
  const b = await bench(t, { plain: PLAIN }, { outbox: 4096 });
  b.make(1);
  for (let i = 0; i < 20; i++) b.give(1, ping('x'.repeat(1000)));
  t.equal(b.take().length, 3);
  t.equal(b.backend.counters.overflowed, 17);
  for (let i = 0; i < 100; i++) t.equal(b.ask(1, ping('x'.repeat(i * 13))).length, 1);
  t.end();
});

t.test('a turn takes no more frames than it asked for, nor than there are rows', async (t) => {
  const b = await bench(t);
  b.make(1);
  for (let i = 0; i < 5; i++) b.give(1, ping(String(i)));
  b.packets.reset();
  t.equal(b.backend.collect(b.packets, 3), 3);
  t.equal(b.packets.used, 3);
  t.ok(b.backend.busy);
  while (b.packets.free > 1) b.packets.take();
  t.equal(b.backend.collect(b.packets, 3), 1);
  t.equal(b.take().length, 1);
  t.end();
});

/** Digest of all that clones send in a conversation with some of everything. */
async function story(b: Bench, entropy: bigint): Promise<string> {
  const digest = createHash('sha256');
  const note = (sent: { frame: Buffer }[]) => {
    for (const { frame } of sent) digest.update(frame);
  };
  b.make(1, { entropy });
  note(b.ask(1, ping('hello')));
  for (const port of [7, 21, 80]) {
    const peer = new Peer(b, 1, port);
    const answers = peer.send(S, '', Buffer.from('0402080a0000006400000000', 'hex'));
    note(answers);
    peer.read(answers);
    peer.read(peer.send(A));
    note(peer.send(A | P, 'GET /\r\n\r\n'));
  }
  b.wait(3);
  note(b.take());
  return digest.digest('hex');
}

t.test('the same entropy and the same frames give the same bytes', async (t) => {
  const one = await story(await bench(t), 7n);
  const two = await story(await bench(t), 7n);
  const other = await story(await bench(t), 8n);
  t.equal(two, one);
  t.not(other, one);
  t.end();
});

t.test('initial sequence numbers differ from peer to peer and clone to clone', async (t) => {
  const b = await bench(t);
  b.make(1, { entropy: 1n });
  b.make(2, { entropy: 2n });
  const numbers = [1, 2].flatMap((id) =>
    [1, 2, 3].map((sport) => b.ask(id, tcp({ sport, dport: 7, flags: S }))[0]!.seq),
  );
  t.equal(new Set(numbers).size, 6);
  t.end();
});

t.test('clones see nothing of each other, and nothing outlives them', async (t) => {
  const b = await bench(t);
  b.make(1);
  b.make(2);
  const one = new Peer(b, 1, 7);
  one.open();
  t.match(b.ask(2, tcp({ dport: 7, seq: one.seq, ack: one.ack, flags: A | P, data: 'x' })), [{ flags: 4, clone: 2 }]);
  t.equal(one.read(one.send(A | P, 'secret')), 'secret');

  b.give(1, ping('unheard'));
  b.backend.destroy(1);
  t.same(b.take(), [], 'not even what it had said');
  t.notOk(b.give(1, ping('x')));
  t.equal(b.backend.delta(1), 0);
  b.wait(5);
  t.same(b.take(), [], 'its timers are gone');

  b.make(3);
  const answers = b.ask(3, tcp({ dport: 7, seq: one.seq, ack: one.ack, flags: A | P, data: 'x' }));
  t.match(answers, [{ flags: 4, clone: 3 }], 'a new one with the same identity knows nothing');
  b.backend.destroy(1);
  b.backend.destroy(99);
  t.end();
});

t.test('no timer runs while nothing is to be done', async (t) => {
  const b = await bench(t);
  b.make(1);
  b.ask(1, ping('x'));
  t.equal(b.clock.deadline, Number.POSITIVE_INFINITY);
  const peer = new Peer(b, 1, 7);
  peer.open();
  peer.read(peer.send(A | P, 'x'));
  t.ok(b.clock.deadline < Number.POSITIVE_INFINITY);
  peer.send(A);
  b.wait(0.2);
  t.equal(b.clock.deadline, Number.POSITIVE_INFINITY);
  t.end();
});

t.test('10,000 clones at once, each answers', async (t) => {
  const count = 10_000;
  const pages = 2;
  const image = `memory 128M\ndirty birth ${pages}`;
  const b = await bench(t, { plain: image }, { maxClones: count, memoryBudget: 2 ** 30 });
  setFlagsFromString('--expose-gc');
  const collectGarbage = runInNewContext('gc') as () => void;
  collectGarbage();
  const heap = process.memoryUsage().heapUsed;
  for (let id = 1; id <= count; id++) {
    const identity = { address: HERE + id, mac: cloneMac(id), hostname: `h${id}`, entropy: BigInt(id) };
    b.backend.request(id, 0, identity);
  }
  t.same(b.take(), []);
  t.equal(b.told.filter((each) => each.startsWith('ready')).length, count);
  b.told.length = 0;
  let answered = 0;
  for (let id = 1; id <= count; id++) {
    const [reply] = b.ask(id, ping(`you are ${id}`, { dst: HERE + id, mac: Buffer.from(cloneMac(id)) }));
    if (reply?.clone === id && reply.src === HERE + id && reply.payload.toString('latin1', 8) === `you are ${id}`)
      answered++;
  }
  t.equal(answered, count);
  collectGarbage();
  const memory = b.backend.memory();
  const each = (memory.delta + memory.tables) / count - pages * PAGE_SIZE;
  t.ok(each < 16384, `${Math.round(each)} bytes a clone beyond its profile`);
  const scripted = (process.memoryUsage().heapUsed - heap) / count;
  t.ok(scripted < 1024, `${Math.round(scripted)} bytes of JavaScript heap a clone`);
  for (let id = 1; id <= count; id++) b.backend.destroy(id);
  t.equal(b.backend.memory().delta, 0);
  t.end();
});
