import t from 'tap';
import { CloneFarm } from '../../../src/elements/CloneFarm.js';
import { Images } from '../../../src/farm/images.js';
import { Universes } from '../../../src/farm/universes.js';
import { parseAddress } from '../../../src/packet/address.js';
import { columnsOf, craft } from '../craft.js';
import { rig } from '../rig.js';

const at = (address: string) => parseAddress(address)!;
const ATTACKER = at('198.51.100.7');

async function bench(t: { teardown(end: () => Promise<void>): void }, config = '') {
  const made = rig(CloneFarm, `IMAGES config/images${config && `, ${config}`}`);
  const universes = made.engine.services.shared(Universes);
  const image = made.engine.services.shared(Images).number('linux') + 1;
  await made.engine.start();
  t.teardown(() => made.engine.stop());
  const drops = () =>
    Object.fromEntries(Object.entries(made.element.drops).flatMap(([name, { rows }]) => (rows ? [[name, rows]] : [])));
  return {
    ...made,
    universes,
    drops,
    begin: (target: string) => universes.create(ATTACKER, at(target)),
    /** A ping for an address in a universe. Without an image it is that of a flow known before. */
    ping(universe: { id: number }, address: string, known = false) {
      const packet = craft({ proto: 1, src: ATTACKER, dst: at(address) });
      made.put(packet, { ...columnsOf(packet), universe: universe.id, image: known ? 0 : image });
    },
  };
}

t.test('the first packet for an address makes a clone, which answers those that waited in order', async (t) => {
  const farm = await bench(t);
  const universe = farm.begin('10.0.0.1');
  for (let i = 0; i < 3; i++) farm.ping(universe, '10.0.0.1');
  const answers = farm.run().out!;
  t.equal(answers.length, 3);
  for (const { bytes, universe: tag, clone } of answers) {
    t.equal(bytes.readUInt32BE(12), at('10.0.0.1'));
    t.equal(bytes[20], 0, 'an echo reply');
    t.equal(tag, universe.id);
    t.equal(clone, 1);
  }
  t.equal(universe.clones.size, 1);
  t.equal(farm.events.filter(({ kind }) => kind === 'clone').length, 1);
});

t.test('one address is two machines in two universes', async (t) => {
  const farm = await bench(t);
  const [one, other] = [farm.begin('10.0.0.1'), farm.begin('10.0.0.1')];
  farm.ping(one, '10.0.0.1');
  farm.ping(other, '10.0.0.1');
  t.same(
    farm.run().out!.map(({ universe, clone }) => [universe, clone]),
    [
      [one.id, 1],
      [other.id, 2],
    ],
  );
});

t.test('a packet of a flow whose clone is gone is dropped', async (t) => {
  const farm = await bench(t);
  const universe = farm.begin('10.0.0.1');
  farm.ping(universe, '10.0.0.1', true);
  farm.ping({ id: 4711 }, '10.0.0.1');
  farm.run();
  t.same(farm.drops(), { unbound: 1, universe: 1 });
});

t.test('clones that nothing happened to are recycled, and their universe ends', async (t) => {
  const farm = await bench(t, 'IDLE 10s, KEEP 100s, LIFE 1000s');
  const [dull, busy] = [farm.begin('10.0.0.1'), farm.begin('10.0.0.2')];
  farm.ping(dull, '10.0.0.1');
  farm.ping(busy, '10.0.0.2');
  farm.run();
  busy.clones.get(at('10.0.0.2'))!.opened = 1;
  farm.wait(11);
  t.equal(farm.universes.get(dull.id), undefined);
  t.ok(farm.universes.get(busy.id), 'one that opened connections is kept');
  farm.wait(100);
  t.equal(farm.universes.size, 0);
  t.match(
    farm.events.filter(({ kind }) => kind === 'gone'),
    [{ reason: 'idle and of no interest' }, { reason: /opened 1 connection/ }],
  );
});

t.test('no clone lives for ever', async (t) => {
  const farm = await bench(t, 'IDLE 10s, LIFE 60s');
  const universe = farm.begin('10.0.0.1');
  for (let second = 0; second < 61; second++) {
    farm.ping(universe, '10.0.0.1');
    farm.run();
    farm.wait(1);
  }
  t.match(
    farm.events.filter(({ kind }) => kind === 'gone'),
    [{ reason: 'it has lived long enough' }],
  );
});

t.test('clones are bounded: in all, in a universe, and in the making', async (t) => {
  const crowded = await bench(t, 'UNIVERSE_CLONES 2');
  const universe = crowded.begin('10.0.0.1');
  for (const address of ['10.0.0.1', '10.0.0.2', '10.0.0.3', '10.0.0.1']) crowded.ping(universe, address);
  t.equal(crowded.run().out!.length, 3);
  t.same(crowded.drops(), { crowded: 1 });

  const full = await bench(t, 'CLONES 1');
  full.ping(full.begin('10.0.0.1'), '10.0.0.1');
  full.ping(full.begin('10.0.0.2'), '10.0.0.2');
  full.run();
  t.same(full.drops(), { full: 1 }, 'a clone that is busy is not given up');
  full.wait(2);
  full.ping(full.begin('10.0.0.3'), '10.0.0.3');
  t.equal(full.run().out!.length, 1, 'one that has been quiet is');

  const making = await bench(t, 'BINDING 1, WAITING 2, LATENCY 1s');
  const slow = making.begin('10.0.0.1');
  for (let i = 0; i < 3; i++) making.ping(slow, '10.0.0.1');
  making.ping(slow, '10.0.0.2');
  making.run();
  t.same(making.drops(), { waiting: 1, binding: 1 });
  making.wait(1.1);
  t.equal(making.run().out!.length, 2);
});

t.test('clones and universes are listed as JSON lines', async (t) => {
  const farm = await bench(t);
  const universe = farm.begin('10.0.0.1');
  farm.ping(universe, '10.0.0.1');
  farm.ping(universe, '10.0.0.2');
  farm.run();
  const { clones, universes } = farm.element.handlers();
  const lines = clones.read().trimEnd().split('\n');
  t.match(
    lines.map((line) => JSON.parse(line)),
    [
      { clone: 1, universe: universe.id, address: '10.0.0.1', image: 'linux', state: 'live', parent: null, pss: null },
      { clone: 2, address: '10.0.0.2', delta: Number },
    ],
  );
  t.match(JSON.parse(universes.read()), { universe: universe.id, source: '198.51.100.7', clones: 2, depth: 1 });
});
