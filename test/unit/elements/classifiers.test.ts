import t from 'tap';
import { IPClassifier } from '../../../src/elements/IPClassifier.js';
import { IPFilter } from '../../../src/elements/IPFilter.js';
import { configure } from '../../../src/pipeline/configure.js';
import { columnsOf, craft, type Wanted } from '../craft.js';
import { type Rig, rig } from '../rig.js';

function run(bench: Rig<IPClassifier | IPFilter>, ...list: Wanted[]): number[][] {
  for (const [paint, wanted] of list.entries()) {
    const bytes = craft(wanted);
    bench.put(bytes, { ...columnsOf(bytes), paint });
  }
  return Object.values(bench.run()).map((seen) => seen.map(({ paint }) => paint as number));
}

t.test('IPClassifier sends each packet to the first pattern it matches', async (t) => {
  const bench = rig(IPClassifier, 'dst tcp port 80 or 443, tcp, icmp type echo', { outputs: 3 });
  const tcp = { proto: 6 };
  const out = run(
    bench,
    { ...tcp, dport: 443 },
    { ...tcp, dport: 22 },
    { proto: 1 },
    { proto: 17 },
    { ...tcp, dport: 80 },
  );
  t.strictSame(out, [[0, 4], [1], [2]]);
  t.equal(bench.element.drops.unmatched.value, 1);
  t.match(
    bench.element.handlers().program.read(),
    /^start step \d+\n(.*\n)*.*sport >> 8 & 0xff = 8 {2}yes \[2\] {2}no \[3\]\n/,
  );
  t.throws(() => rig(IPClassifier, 'tcp, udp', { outputs: 1 }), { message: /2 patterns need as many outputs/ });
});

t.test('IPFilter does what the first rule says', async (t) => {
  const bench = rig(IPFilter, 'drop dst port 80, allow tcp, 1 udp, deny icmp', { outputs: 2 });
  const out = run(
    bench,
    { proto: 6, dport: 80 },
    { proto: 6, dport: 22 },
    { proto: 17, dport: 53 },
    { proto: 1 },
    { proto: 47 },
  );
  t.strictSame(out, [[1], [2]]);
  t.equal(bench.element.drops.denied.value, 2);
  t.equal(bench.element.drops.unmatched.value, 1);
  t.throws(() => rig(IPFilter, 'allow all, 2 tcp', { outputs: 2 }), { message: /a rule names output 2/ });
  t.throws(() => rig(IPFilter, ''), { message: /give at least one rule/ });
  t.throws(() => rig(IPFilter, 'permit all'), { message: /expected allow, drop or the number .*'permit'/ });
});

t.test('errors in patterns point into the graph', async (t) => {
  const find = (Class: typeof IPClassifier | typeof IPFilter, text: string) => {
    const position = { file: 'a.click', line: 3, column: 10 };
    const argument = { text, raw: text, position } as Parameters<typeof configure>[2][number];
    return configure<typeof Class.spec>(Class.spec, Class.name, [argument], position, { folder: '.' }).diagnostics;
  };
  t.match(find(IPClassifier, 'tcp and foo'), [
    { position: { line: 3, column: 18 }, message: "IPClassifier: unknown word 'foo'" },
  ]);
  t.match(find(IPFilter, 'allow tcp\n  and foo'), [
    { position: { line: 4, column: 7 }, message: /unknown word 'foo'/ },
  ]);
});
