import t from 'tap';
import { treeDot, treeText } from '../../../src/cli/tree.js';
import type { TreeNode } from '../../../src/farm/capture-record.js';
import type { CauseLine } from '../../../src/farm/cause.js';
import type { UniverseTree } from '../../../src/farm/listing.js';

const syn = (source: string, rule: string | null = null): CauseLine => ({
  ...{ source, proto: 6, sport: 1024, dport: 445, flags: 'SYN', icmp: null },
  ...{ rule, verdict: rule === null ? null : 'reflect' },
});

const clone = (id: number, parent: number | null, facts: Partial<TreeNode> = {}): TreeNode => ({
  ...{
    clone: id,
    address: `10.99.66.${id}`,
    image: 'linux',
    parent,
    depth: 1,
    born: 'T0',
    state: 'live',
    opened: 0,
    score: 0,
  },
  ...{ cause: syn(parent === null ? '198.51.100.30' : `10.99.66.${parent}`, parent === null ? null : 'a.policy:12') },
  ...{ ended: null, ending: null, reason: null },
  ...facts,
});

const gone = { state: 'gone', ended: 'T1', ending: 'recycled', reason: 'idle and of no interest' };

const universe: UniverseTree = {
  ...{ universe: 3, kind: 'open', source: '198.51.100.30', target: '10.99.66.1', born: 'T0', ended: null },
  ...{ clones: 4, made: 7, depth: 3, score: 0, influences: 1, forgotten: 1, strangers: 0 },
  tree: [
    clone(2, 1, { ...gone, opened: 2, score: 40 }),
    clone(1, null),
    clone(3, 2),
    clone(4, 1),
    clone(6, 5, { cause: { ...syn('10.99.66.5'), proto: 1, sport: null, dport: null, flags: null, icmp: 8 } }),
  ],
  joined: [{ source: '203.0.113.9', target: '10.99.66.3', since: 'T2', flows: 4 }],
  refused: { aged: 0, crowded: 0, deep: 7, fanout: 0 },
};

t.test('a causal tree is told to people', async (t) => {
  t.equal(
    treeText(universe),
    `universe 3, open, begun by 198.51.100.30 contacting 10.99.66.1 at T0
4 of 7 clones exist, depth 3
├─ 10.99.66.1, clone 1, linux, born T0
│  │  tcp SYN from 198.51.100.30:1024 to port 445
│  │  live
│  ├─ 10.99.66.2, clone 2, linux, born T0
│  │  │  tcp SYN from 10.99.66.1:1024 to port 445, reflect by a.policy:12
│  │  │  ended T1 (recycled): idle and of no interest; opened 2; score 40
│  │  └─ 10.99.66.3, clone 3, linux, born T0
│  │        tcp SYN from 10.99.66.2:1024 to port 445, reflect by a.policy:12
│  │        live
│  └─ 10.99.66.4, clone 4, linux, born T0
│        tcp SYN from 10.99.66.1:1024 to port 445, reflect by a.policy:12
│        live
└─ 10.99.66.6, clone 6, linux, born T0
      icmp type 8 from 10.99.66.5; its caller, clone 5, is forgotten
      live
joined by 203.0.113.9, first at 10.99.66.3 at T2: 4 flows
1 clones that are gone are forgotten
7 packets called for no clone: deep
`,
  );
});

t.test('and drawn', async (t) => {
  const dot = treeDot(universe);
  t.match(dot, '"c1" -> "c2" [label="tcp SYN from 10.99.66.1:1024 to port 445\\nreflect by a.policy:12"];');
  t.match(dot, '"c5" [label="clone 5, forgotten"];');
  t.match(dot, '"s198.51.100.30" -> "c1"');
  const quoted = treeDot({ ...universe, tree: [clone(1, null, { image: 'a"\\\n' })] });
  t.match(quoted, 'label="10.99.66.1\\nclone 1, a\\"\\\\\\\\x0a\\nlive"');
});
