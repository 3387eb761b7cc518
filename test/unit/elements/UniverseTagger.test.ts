import t from 'tap';
import { UniverseTagger } from '../../../src/elements/UniverseTagger.js';
import type { CloneRecord, Universe } from '../../../src/farm/universes.js';
import { Universes } from '../../../src/farm/universes.js';
import { type Rig, rig } from '../rig.js';

/** Puts a clone into a universe, so that it outlives the turn. */
function inhabit(universe: Universe): void {
  universe.clones.set(universe.target, { universe } as CloneRecord);
}

function tag(bench: Rig<UniverseTagger>, ...packets: [src: number, dst: number, flow?: number][]): number[] {
  for (const [src, dst, flow = 1] of packets) bench.put(Buffer.alloc(40), { src, dst, flow });
  return bench.run().out!.map(({ universe }) => universe as number);
}

/** A bench on which every universe gets a clone in the turn in which it begins. */
function settled(config: string): Rig<UniverseTagger> {
  const bench = rig(UniverseTagger, config);
  const universes = bench.engine.services.shared(Universes);
  const promise = universes.promise.bind(universes);
  universes.promise = (roots, from, to, kind) => {
    const end = promise(roots, from, to, kind);
    for (const id of roots.ids.subarray(from, end)) inhabit(universes.enter(id)!);
    return end;
  };
  return bench;
}

t.test('by pair: one universe for a source and its target', async (t) => {
  const bench = settled('KEY pair');
  t.same(tag(bench, [1, 10], [1, 10], [1, 11], [2, 10]), [1, 1, 2, 3]);
  t.same(tag(bench, [2, 10], [1, 11]), [3, 2], 'and in a later turn');
});

t.test('by source: all targets of a source share one', async (t) => {
  t.same(tag(settled('KEY source'), [1, 10], [1, 11], [2, 10]), [1, 1, 2]);
});

t.test('by packet: each flow has its own, for all its packets of a turn', async (t) => {
  const bench = settled('KEY packet');
  t.same(tag(bench, [1, 10, 5], [1, 10, 6], [1, 10, 5]), [1, 2, 1]);
  t.same(tag(bench, [1, 10, 5]), [3], 'the flow of a later turn that has the same slot is another flow');
});

t.test('a universe in which nobody came to live ends with the turn, and its id is not used again', async (t) => {
  const bench = rig(UniverseTagger);
  t.same(tag(bench, [1, 10]), [1]);
  t.equal(bench.engine.services.shared(Universes).size, 0);
  t.same(tag(bench, [1, 10]), [2]);
});

t.test('their number is bounded', async (t) => {
  const bench = settled('UNIVERSES 2');
  t.same(tag(bench, [1, 10], [2, 10], [3, 10], [1, 10]), [1, 2, 1]);
  t.equal(bench.element.drops.full.value, 1);
});

t.test('in one batch with known universes, each new key is promised one, as far as there is room', async (t) => {
  const bench = settled('UNIVERSES 4');
  const packets = () => tag(bench, [1, 10], [2, 10], [1, 10], [3, 10], [2, 10], [4, 10], [5, 10], [4, 10], [1, 11]);
  t.same(packets(), [1, 2, 1, 3, 2, 4, 4]);
  t.equal(bench.element.drops.full.value, 2);
  const universes = bench.engine.services.shared(Universes);
  universes.close(universes.get(2)!);
  t.same(packets(), [1, 5, 1, 3, 5, 4, 4], 'there is room for one more');
  for (const universe of [...universes]) universes.close(universe);
  t.same(packets(), [6, 7, 6, 8, 7, 9, 9]);
});

t.test('open: who contacts an address that a clone of it has joins it, in the same turn too', async (t) => {
  const bench = settled('OPEN 0.0.0.10 0.0.0.12');
  const universes = bench.engine.services.shared(Universes);
  t.same(tag(bench, [1, 10], [2, 10], [1, 11], [2, 11]), [1, 1, 2, 3], 'targets of others are closed');
  const open = universes.get(1)!;
  t.match(open, { kind: 'open', source: 1, target: 10 });
  t.equal(universes.get(2)!.kind, 'closed');
  t.same(tag(bench, [3, 10], [2, 10]), [4, 4], 'nobody has the address');
  universes.occupy(open, 10);
  t.same(tag(bench, [5, 10], [1, 10], [2, 10], [2, 11]), [1, 1, 1, 3]);
  t.same(tag(bench, [3, 10]), [4], 'who has a universe of his own goes on in it');
  universes.occupy(open, 11);
  t.same(tag(bench, [6, 11], [1, 11]), [1, 2], 'an address that it reached by reflection, whatever OPEN says of it');
  universes.vacate(open, 10);
  universes.close(open);
  t.same(tag(bench, [5, 10]), [5]);
});

t.test('open: an address of the upper half is no other one', async (t) => {
  const [source, target] = [0xc0000201, 0xc8000a0a];
  const bench = settled('OPEN 200.0.10.10');
  const universes = bench.engine.services.shared(Universes);
  t.same(tag(bench, [source, target], [0xc0000202, target], [source, target]), [1, 1, 1]);
  const open = universes.get(1)!;
  t.match(open, { kind: 'open', source, target });
  universes.occupy(open, target);
  t.same(tag(bench, [0xc0000203, target], [0xc0000203, target + 1], [source, target]), [1, 2, 1]);
});

t.test('open: of several the one whose clone has had the address longest', async (t) => {
  const bench = settled('OPEN all');
  const universes = bench.engine.services.shared(Universes);
  const [one, other] = [universes.create(8, 10, 'open'), universes.create(9, 10, 'open')];
  for (const universe of [other, one]) universes.occupy(universe, 10);
  t.same(tag(bench, [3, 10], [4, 10]), [other.id, other.id]);
  universes.vacate(other, 10);
  t.same(tag(bench, [3, 10], [4, 10]), [one.id, one.id]);
});

t.test('open by source: what a source begins in one turn is one universe', async (t) => {
  const bench = settled('KEY source, OPEN all');
  t.same(tag(bench, [1, 10], [1, 11], [2, 11], [2, 10]), [1, 1, 2, 2]);
  t.same(tag(bench, [1, 12], [2, 12]), [1, 2]);
});

t.test(
  'open by source: a flow that has joined a universe stays there, whatever its source begins meanwhile',
  async (t) => {
    const bench = settled('KEY source, OPEN all');
    t.same(tag(bench, [1, 10, 1], [3, 10, 2], [3, 11, 3], [3, 10, 2], [3, 10, 4], [3, 12, 5]), [1, 1, 2, 1, 2, 2]);
    const universes = bench.engine.services.shared(Universes);
    universes.occupy(universes.get(1)!, 10);
    t.same(tag(bench, [4, 10, 2], [4, 20, 3], [4, 10, 2]), [1, 3, 1], 'and where a clone has the address');
  },
);

t.test('shared: a part of the sources has one universe, which begins anew when it has ended', async (t) => {
  const bench = settled('KEY packet, SHARED 25%');
  const universes = bench.engine.services.shared(Universes);
  const sources = Array.from({ length: 400 }, (_, i) => i + 1);
  const kinds = () => {
    const ids: number[] = [];
    for (let i = 0; i < sources.length; i += 100)
      ids.push(...tag(bench, ...sources.slice(i, i + 100).map((src): [number, number, number] => [src, src % 7, src])));
    return ids.map((id) => [universes.get(id)!.kind, id] as const);
  };
  const first = kinds();
  const shared = first.filter(([kind]) => kind === 'shared');
  t.ok(shared.length > 60 && shared.length < 140, `${shared.length} of 400`);
  t.equal(new Set(shared.map(([, id]) => id)).size, 1);
  const again = kinds();
  t.same(
    again.map(([kind]) => kind),
    first.map(([kind]) => kind),
    'a source is always in or always out',
  );
  t.equal(again.find(([kind]) => kind === 'shared')![1], shared[0]![1]);
  universes.close(universes.get(shared[0]![1])!);
  t.not(kinds().find(([kind]) => kind === 'shared')![1], shared[0]![1]);
  t.same(
    [settled('SHARED 0'), settled('SHARED 1')].map((each) => {
      tag(each, [1, 10], [2, 11]);
      return [...each.engine.services.shared(Universes)].map(({ kind }) => kind);
    }),
    [['closed', 'closed'], ['shared']],
  );
});

t.test('what is wrong in OPEN is said', async (t) => {
  t.throws(() => rig(UniverseTagger, 'OPEN 10.0.0.1/8'), /expected all, none, or prefixes/);
});
