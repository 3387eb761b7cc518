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
  universes.promise = (...root) => {
    const id = promise(...root);
    inhabit(universes.enter(id)!);
    return id;
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
