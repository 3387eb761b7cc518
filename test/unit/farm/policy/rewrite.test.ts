import t from 'tap';
import { describeAction, describeVerdict } from '../../../../src/farm/policy/actions.js';
import { describeOutcome } from '../../../../src/farm/policy/explain.js';
import { type Action, Policy } from '../../../../src/farm/policy/policy.js';
import { Rewrites } from '../../../../src/farm/policy/rewrites.js';
import { openPolicyOf } from './asker.js';

const actionOf = (text: string): Action => openPolicyOf(`tcp -> ${text}\n`).rules[0]!.action;

t.test('strings of any bytes are replaced by others, and then there is a verdict', async (t) => {
  const { rewrite, verdict } = actionOf(
    String.raw`rewrite "cmd.exe" to "xxx.exe", "a\x00\"," to "", "->" to "then" then forward`,
  );
  t.equal(verdict, 'forward');
  t.same(
    rewrite!.pairs.map(({ from, to }) => [Buffer.from(from).toString(), Buffer.from(to).toString()]),
    [
      ['cmd.exe', 'xxx.exe'],
      ['a\0",', ''],
      ['->', 'then'],
    ],
  );
  t.match(actionOf('rewrite "a" to "b" then redirect sink'), { verdict: 'redirect', image: 'sink' });
  t.ok(openPolicyOf('tcp -> rewrite "a" to "b" then forward\n').rewrites);
  t.notOk(openPolicyOf('tcp -> forward\n').rewrites);
});

t.test('limits are those of the verdict, and what is beyond may be rewritten as well', async (t) => {
  const text = 'rewrite "a" to "b" then forward limit flows 2/hour per clone then rewrite "a" to "c" then reflect';
  const action = actionOf(text);
  t.equal(describeAction(action), text);
  t.equal(action.otherwise?.rewrite?.text, '"a" to "c"');
  t.ok(openPolicyOf('tcp -> limit flows 2/hour per clone then rewrite "a" to "c" then reflect\n').rewrites);
  t.equal(actionOf('rewrite "a" to "b"\n  then limit flows 2/hour per clone then drop').verdict, 'forward');
  t.equal(describeVerdict(action), 'rewrite "a" to "b" then forward');
  t.equal(describeOutcome(action)[0], 'rewrite "a" to "b" then forward within');
});

t.test('what is wrong is said, with its place', async (t) => {
  const many = Array.from({ length: 17 }, (_, i) => `"${String.fromCharCode(97 + i)}" to "x"`).join(', ');
  for (const [text, column, message] of [
    ['rewrite cmd to "x" then forward', 16, "expected a string in quotes, not 'cmd'"],
    ['rewrite "" to "x" then forward', 16, 'expected at least one byte to replace'],
    [`rewrite "${'a'.repeat(65)}" to "x" then forward`, 16, 'expected at most 64 bytes, not 65'],
    ['rewrite "a" by "x" then forward', 20, "expected 'to' and what to put in its place, not 'by'"],
    ['rewrite "a" to "x" forward', 27, "expected ',' or 'then VERDICT' after what is replaced, not 'forward'"],
    ['rewrite "ab" to "x", "abc" to "y" then forward', 29, 'never replaced, since "ab" comes first'],
    [`rewrite ${many} then forward`, 208, 'expected at most 16 strings to replace'],
    [
      'rewrite "a" to "x" then drop',
      32,
      "expected one of forward, reflect, redirect, limit for what was rewritten, not 'drop'",
    ],
    [
      'reflect limit flows 1/day per clone then rewrite "a" to "x" then forward',
      73,
      "expected a verdict after 'then' by which nothing leaves",
    ],
  ] as const) {
    t.throws(() => new Policy(`tcp -> ${text}`, 'x.policy'), { message: `x.policy:1:${column}: ${message}` }, text);
  }
});

t.test('the same text has the same number', async (t) => {
  const rewrites = new Rewrites();
  const [one, other] = [actionOf('rewrite "a" to "b" then forward'), actionOf('rewrite "a" to "c" then forward')];
  t.equal(rewrites.column(undefined), 0);
  t.equal(rewrites.column(one.rewrite), 1);
  t.equal(rewrites.column(other.rewrite), 2);
  t.equal(rewrites.column(actionOf('rewrite "a" to "b" then reflect').rewrite), 1);
  t.equal(rewrites.get(2), other.rewrite);
  t.equal(rewrites.get(0), undefined);
});
