import t from 'tap';
import type { TreeNode } from '../../../src/farm/capture-record.js';
import { CausalTree, Memory } from '../../../src/farm/causal-tree.js';

const node = (clone: number) => ({ clone }) as TreeNode;
const universe = (id: number) => ({ id, tree: new CausalTree() });

t.test('clones that are gone are remembered, up to a bound, and more are counted', async (t) => {
  const memory = new Memory<ReturnType<typeof universe>>();
  const one = universe(1);
  for (let clone = 0; clone < 1001; clone++) memory.keep(one, node(clone));
  t.same([one.tree.past.length, one.tree.forgotten], [1000, 1]);
  const all = Array.from({ length: 100 }, (_, i) => universe(i + 2));
  for (const each of all) for (let clone = 0; clone < 1000; clone++) memory.keep(each, node(clone));
  t.same([all[98]!.tree.past.length, all[99]!.tree.past.length, all[99]!.tree.forgotten], [1000, 0, 1000]);
  memory.add(one);
  t.equal(memory.get(1), one);
  memory.keep(all[99]!, node(1));
  t.equal(all[99]!.tree.past.length, 1, 'what has ended gives way');
  t.equal(memory.get(1), undefined);
});

t.test('universes that have ended are remembered, the last ones', async (t) => {
  const memory = new Memory<ReturnType<typeof universe>>();
  for (let id = 1; id <= 300; id++) memory.add(universe(id));
  memory.add(universe(299));
  t.same([[...memory].length, [...memory][0]!.id, memory.get(44), memory.get(300)!.id], [256, 45, undefined, 300]);
  t.equal([...memory].at(-1)!.id, 299);
});

t.test('who joins is remembered once, with how often; beyond a bound they are counted', async (t) => {
  const tree = new CausalTree();
  t.same([tree.join(7, 1, 100), tree.join(7, 2, 101), tree.join(8, 1, 102)], [true, false, true]);
  t.same(tree.influences.get(7), { source: 7, target: 1, since: 100, flows: 2 });
  for (let source = 100; source < 200; source++) tree.join(source, 1, 0);
  t.same([tree.influences.size, tree.strangers], [64, 38]);
});
