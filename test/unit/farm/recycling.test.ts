import t from 'tap';
import { CausalTree } from '../../../src/farm/causal-tree.js';
import { parseReport } from '../../../src/farm/interest.js';
import { interest, leastInteresting, mayGo, type RecyclingPolicy } from '../../../src/farm/recycling.js';
import type { CloneRecord, Universe } from '../../../src/farm/universes.js';

const policy: RecyclingPolicy = { idle: 60, keep: 600, life: 10_000, interestingDelta: 1000 };

function clone(id: number, facts: Partial<CloneRecord> & { depth?: number } = {}): CloneRecord {
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
    depth: facts.depth ?? 1,
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
  return { ...base, state: 'live', active: 0, opened: 0, called: 0, ...facts };
}

t.test('what makes a clone interesting', async (t) => {
  t.equal(interest(clone(1), 0, policy), undefined);
  t.match(interest(clone(1, { opened: 1 }), 0, policy), /opened/);
  t.match(interest(clone(1), 1001, policy), /memory/);
  t.match(interest(clone(1, { depth: 2 }), 0, policy), /depth/);
});

t.test('an image with a baseline is held against it, and not against INTERESTING_DELTA', async (t) => {
  const baseline = { delta: 5000, allowance: 1000, report: parseReport('listen tcp 22') };
  const measured = { ...policy, baseline: () => baseline };
  t.equal(interest(clone(1), 6000, measured), undefined);
  t.match(interest(clone(1), 6001, measured), /memory/);
  const listening = { ...measured, report: () => parseReport('listen tcp 4444') };
  t.match(interest(clone(1, { opened: 2 }), 0, listening), 'opened 2 connections of its own, listens on tcp 4444');
});

t.test('a dull clone goes after IDLE, one of interest after KEEP, and neither while it is in the making', async (t) => {
  t.equal(mayGo(clone(1), 0, 59, policy), undefined);
  t.match(mayGo(clone(1), 0, 60, policy), /idle/);
  t.equal(mayGo(clone(1, { opened: 1 }), 0, 599, policy), undefined);
  t.match(mayGo(clone(1, { opened: 1 }), 0, 600, policy), /kept long enough/);
  t.match(mayGo(clone(1, { active: 10_000 }), 0, 10_000, policy), /long enough/, 'and a busy one after LIFE');
  t.equal(mayGo(clone(1, { state: 'binding' }), 0, 1e6, policy), undefined);
});

t.test('under pressure the dull go first, then the longest quiet', async (t) => {
  const clones = [clone(1, { active: 5, opened: 1 }), clone(2, { active: 20 }), clone(3, { active: 10 })];
  const first = leastInteresting(clones, () => 0, 100, 1, policy, 1)[0];
  t.equal(first?.id, 3);
  t.equal(leastInteresting([clones[0]!], () => 0, 100, 1, policy, 1)[0]?.id, 1);
  t.equal(leastInteresting(clones, () => 0, 5.5, 1, policy, 1)[0], undefined, 'none has been quiet long enough');
});
