import t from 'tap';
import { CausalTree } from '../../../src/farm/causal-tree.js';
import { leastInteresting, mayGo, type RecyclingPolicy } from '../../../src/farm/recycling.js';
import type { CloneRecord, Universe } from '../../../src/farm/universes.js';

const policy: RecyclingPolicy = { idle: 60, keep: 600, life: 10_000 };

function clone(id: number, facts: Partial<CloneRecord> = {}): CloneRecord {
  const universe: Universe = {
    id: 1,
    kind: 'closed',
    source: 1,
    target: 2,
    born: 0,
    clones: new Map(),
    made: 1,
    ended: undefined,
    tree: new CausalTree(),
    depth: 1,
  };
  const base = {
    id,
    universe,
    address: id,
    inside: id,
    image: 0,
    mac: new Uint8Array(6),
    parent: undefined,
    depth: 1,
    born: 0,
    cause: { source: 1, proto: 6, sport: 1, dport: 2, tcpFlags: 2, licence: undefined },
  };
  return { ...base, farm: {}, state: 'live', active: 0, opened: 0, called: 0, ...facts };
}

const dull = () => undefined;
const busy = () => 'opened 1 connection of its own';

t.test('a dull clone goes after IDLE, one of interest after KEEP, and neither while it is in the making', async (t) => {
  t.equal(mayGo(clone(1), dull, 59, policy), undefined);
  t.match(mayGo(clone(1), dull, 60, policy), /idle/);
  t.equal(mayGo(clone(1), busy, 599, policy), undefined);
  t.equal(mayGo(clone(1), busy, 600, policy), 'kept long enough; it opened 1 connection of its own');
  t.match(mayGo(clone(1, { active: 10_000 }), dull, 10_000, policy), /long enough/, 'and a busy one after LIFE');
  t.equal(mayGo(clone(1, { state: 'binding' }), dull, 1e6, policy), undefined);
});

t.test('under pressure those of the lowest score go first, then the longest quiet', async (t) => {
  const clones = [clone(1, { active: 5 }), clone(2, { active: 20 }), clone(3, { active: 10 }), clone(4, { active: 0 })];
  const score = ({ id }: CloneRecord) => [0, 10, 0, 0, 70][id]!;
  const ids = (now: number, most: number) => leastInteresting(clones, score, now, 1, most).map(({ id }) => id);
  t.same(ids(100, 4), [4, 1, 2, 3], 'the first to go last');
  t.same(ids(100, 1), [3]);
  t.same(ids(5.5, 4), [4], 'only those that have been quiet long enough');
});
