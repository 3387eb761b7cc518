import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import t from 'tap';
import { CLICK_GRAPHS, findClick, readRun, runClick } from '../../../bench/click.js';
import { compare, REFERENCES } from '../../../bench/references.js';
import { type ReadOptions, readGraph } from '../../../src/pipeline/click/read.js';

const OPTIONS = { IN: '/in.pcap', OUT: '/out.pcap', packets: 1000 };

/** Any class of elements, with any ports. */
const ANY: ReadOptions = {
  findClass: (name) => (/^[A-Z]/.test(name) ? { name, inputs: 'any', outputs: 'any' } : undefined),
  classNames: () => [],
};

/** A program that prints what it was called with to `args`, and then what Click would. */
function standIn(folder: string, prints: string): string {
  const file = `${folder}/click`;
  writeFileSync(file, `#!/bin/sh\nprintf '%s\\n' "$@" > '${folder}/args'\nprintf '${prints}'\n`, { mode: 0o755 });
  return file;
}

t.test('Click is called as its manual says, and what it prints is read', async (t) => {
  const folder = t.testdir({});
  const click = standIn(folder, '0.095u 0.012s 0:00.11\\n1000');
  const { processor, counted } = await runClick(click, 'count', OPTIONS);
  t.equal(Math.round(processor), 107_000, 'user and system time, for each of 1000 packets');
  t.equal(counted, 1000);
  const args = readFileSync(`${folder}/args`, 'utf8').trimEnd().split('\n');
  t.same(args.slice(0, 4), ['-t', '-h', 'counter.count', '-f']);
  t.match(args[4], /\/bench\/graphs\/click\/count\.click$/);
  t.same(args.slice(5), ['IN=/in.pcap', 'OUT=/out.pcap']);
});

t.test('a Click that fails, or did less than all, gives no figure', async (t) => {
  const folder = t.testdir({});
  await t.rejects(
    runClick(standIn(folder, '0.1u 0.0s 0:00.11\\n999'), 'count', OPTIONS),
    /counted 999 packets, not 1000/,
  );
  await t.rejects(
    runClick(standIn(folder, "no element 'counter'\\n"), 'count', OPTIONS),
    /expected Click to print its time/,
  );
  writeFileSync(`${folder}/click`, '#!/bin/sh\necho "unknown element class" >&2\nexit 1\n', { mode: 0o755 });
  await t.rejects(runClick(`${folder}/click`, 'count', OPTIONS), /unknown element class/);
  t.throws(() => readRun('1000\n', 1000), /expected Click/);
});

t.test('it is looked for on the PATH', async (t) => {
  const folder = t.testdir({ other: {}, file: {} });
  standIn(`${folder}/file`, '');
  t.equal(findClick(`${folder}/other:${folder}/file`), `${folder}/file/click`);
  t.equal(findClick(`${folder}/other`), undefined);
});

t.test('each graph for Click is sound Click, and has one of ours beside it', async (t) => {
  const files = readdirSync('bench/graphs/click').map((name) => name.replace('.click', ''));
  t.same(files.sort(), [...CLICK_GRAPHS].sort());
  const ours = readdirSync('bench/graphs');
  for (const name of files) {
    const file = `bench/graphs/click/${name}.click`;
    const text = readFileSync(file, 'utf8');
    t.same(readGraph({ file, text }, ANY).diagnostics, [], file);
    t.ok(ours.includes(`${name}.click`), name);
  }
});

t.test('rows are put beside stored figures', async (t) => {
  const text = compare(
    new Map([
      ['count', 47.5],
      ['filtered-10k', 100],
    ]),
  )!;
  t.match(text, /^count +47\.5 +95\.0 +0\.500 +59\.0 +0\.805$/m);
  t.notMatch(text, /filtered/, 'others have no such row');
  t.equal(compare(new Map([['filtered-10k', 100]])), undefined);
  t.ok(Object.values(REFERENCES).every(({ click, fastclick }) => click >= fastclick && fastclick > 0));
});
