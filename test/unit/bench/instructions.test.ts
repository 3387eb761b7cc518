import { readFileSync } from 'node:fs';
import t from 'tap';
import { type Baseline, judge, report } from '../../../bench/instructions/baseline.js';
import { compiler, countInstructions, missing, readCallgrind } from '../../../bench/instructions/parts.js';

const baseline = JSON.parse(readFileSync('bench/instructions.json', 'utf8')) as Baseline;

t.test('the parts of callgrind’s file are read', async (t) => {
  const text = ['fn=main', '0 20', 'cfn=part_flow_new', 'calls=2 0', '0 1000', 'cfn=puts', 'calls=1 0', '0 7'].join(
    '\n',
  );
  t.same(readCallgrind(text, 10), { 'flow-new': 100 });
  t.throws(() => readCallgrind('fn=main\n0 20\n', 10), /no part/);
});

t.test('a part may take a tenth more than before, and none is forgotten', async (t) => {
  const before = { compiler: 'c++', parts: { check: 100, classify: 50, gone: 1 } };
  const lines = judge(before, { check: 110, classify: 55.1, fresh: 2 });
  t.same(
    lines.map(({ part, wrong }) => [part, wrong]),
    [
      ['check', undefined],
      ['classify', '10.2 % more than the baseline, and 10 % may be'],
      ['gone', 'it was not counted: --update, if it is gone'],
      ['fresh', 'the baseline does not have it: --update'],
    ],
  );
  t.match(report(lines), /^classify +50\.0 +55\.1 +10\.2 % +WRONG: 10\.2 % more/m);
});

const [why, used] = [await missing(), await compiler()];
const skip =
  why ?? (used === baseline.compiler ? false : `the baseline is of ${baseline.compiler}, and this is ${used}`);

t.test('no native part takes a tenth more instructions than the baseline says', { skip }, async (t) => {
  const lines = judge(baseline, await countInstructions());
  t.same(
    lines.filter(({ wrong }) => wrong !== undefined),
    [],
    report(lines),
  );
});
