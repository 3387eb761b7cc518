import t from 'tap';
import { type Roots, Universes } from '../../../src/farm/universes.js';
import { ROWS } from '../../../src/packet/columns.js';
import type { Services } from '../../../src/pipeline/element.js';

const make = () => new Universes({ clock: { now: 0 } } as Services);

function roots(count: number): Roots {
  const column = (from: number) => Uint32Array.from({ length: count }, (_, i) => from + i);
  return { ids: new Uint32Array(count), sources: column(1000), targets: column(0xc0000000) };
}

t.test('what was promised may begin until the turn is over', async (t) => {
  const universes = make();
  const [one, other] = [roots(8), roots(8)];
  t.equal(universes.promise(one, 2, 5, 'closed'), 5);
  t.equal(universes.promise(one, 5, 6, 'closed'), 6);
  t.equal(universes.promise(one, 6, 7, 'shared'), 7);
  t.equal(universes.promise(one, 7, 7, 'closed'), 7, 'nothing');
  t.equal(universes.promise(other, 7, 8, 'open'), 8);
  t.same(
    [[...one.ids], [...other.ids]],
    [
      [0, 0, 1, 2, 3, 4, 5, 0],
      [0, 0, 0, 0, 0, 0, 0, 6],
    ],
  );
  t.match(universes.enter(2), { id: 2, kind: 'closed', source: 1003, target: 0xc0000003 });
  t.match(universes.enter(4), { id: 4, kind: 'closed', source: 1005 });
  t.match(universes.enter(5), { id: 5, kind: 'shared', source: 1006 });
  t.match(universes.enter(6), { id: 6, kind: 'open', source: 1007, target: 0xc0000007 });
  t.equal(universes.enter(2), universes.get(2));
  for (const id of [0, 7]) t.equal(universes.enter(id), undefined);
  universes.settle();
  t.equal(universes.enter(1), undefined);
  t.equal(universes.enter(6)!.id, 6, 'one that has begun goes on');
  t.equal(universes.promise(other, 0, 1, 'closed'), 1);
  t.match(universes.enter(7), { id: 7, kind: 'closed', source: 1000 });
});

t.test('a turn has as many promises as rows', async (t) => {
  const universes = make();
  const many = roots(ROWS + 8);
  t.equal(universes.promise(many, 3, ROWS + 8, 'closed'), ROWS + 3);
  t.equal(many.ids[ROWS + 3], 0);
  t.equal(universes.promise(many, ROWS + 3, ROWS + 4, 'closed'), ROWS + 3);
  universes.settle();
  t.equal(universes.promise(many, 0, 2, 'closed'), 2);
  t.same([...many.ids.subarray(0, 2)], [ROWS + 1, ROWS + 2]);
});
