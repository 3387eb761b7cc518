import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import t from 'tap';
import { FACT_NAMES, FACTS } from '../../../../src/farm/monitor/facts.js';
import { Rules, shippedRules } from '../../../../src/farm/monitor/rules.js';
import { MB, watched } from './watched.js';

const ENDS = '\ninteresting at 10\nmalicious at 60';

t.test('the shipped rules', async (t) => {
  const { rules, interesting, malicious, payload } = shippedRules();
  t.strictSame([interesting, malicious, payload], [10, 60, 64]);
  for (const { score, place } of rules) t.ok(score >= interesting, `${place}: each is of interest alone`);
});

t.test('conditions, amounts and reasons', async (t) => {
  const rules = new Rules(
    `opened >= 1k and depth > 1 score 7 "{opened flow} at {depth}" # a comment
     delta > 2M score 5 "changed {delta}"
     growth > allowance score 11 "beyond {baseline}"
     common "a\\x00b"
     payload 128${ENDS}`,
    'test.rules',
  );
  t.strictSame([rules.payload, rules.rules.length], [128, 3]);
  t.ok(rules.isCommon(Buffer.from('a\0bc')));
  t.notOk(rules.isCommon(Buffer.from('a\0')));
  const rig = watched({ rules });
  const clone = rig.clone();
  clone.opened = 1000;
  t.strictSame(rig.reasons(clone), [], 'all conditions must hold');
  clone.universe.depth = 2;
  rig.changed(clone, 2 * MB + 1);
  t.strictSame(rig.reasons(clone), ['1000 flows at 2', 'changed 2.0 MB']);
  t.strictSame([rig.monitor.assess(clone).score, clone.evidence!.rating], [12, 'interesting']);
});

t.test('what is wrong is said with its place, all of it in one go', async (t) => {
  const wrong = (text: string) => {
    try {
      new Rules(text, 'my.rules');
      return [];
    } catch (error) {
      return (error as Error).message.split('\n');
    }
  };
  t.strictSame(wrong(`openned > 0 score 1 "x"\ndepth < 2 score 1 "x"${ENDS}`), [
    `my.rules:1:1: unknown fact 'openned' (did you mean 'opened'?); known are ${FACT_NAMES.join(', ')}`,
    "my.rules:2:7: expected '>' or '>=' after 'depth', not '<': what rises must not make a score fall",
  ]);
  const one: [string, RegExp][] = [
    ['opened > x score 1 "x"', /^my.rules:1:10: expected a whole number such as 10, not 'x'$/],
    ['opened > allowance score 1 "x"', /^my.rules:1:10: expected a whole number/],
    ['growth > 4Q score 1 "x"', /^my.rules:1:10: expected a size such as 4M, or 'allowance', not '4Q'$/],
    ['growth > 9999999999G score 1 "x"', /^my.rules:1:10: expected a size/],
    ['opened > 0 "x"', /^my.rules:1:12: expected 'and' or 'score'/],
    ['opened > 0 score 0 "x"', /^my.rules:1:18: expected a score, a number from 1 to 1000, not '0'$/],
    ['opened > 0 score -5 "x"', /^my.rules:1:18: expected a score/],
    ['opened > 0 score 5', /^my.rules:1:19: expected the reason in words in "quotes"$/],
    ['opened > 0 score 5 "{what}"', /^my.rules:1:22: unknown fact 'what'/],
    ['opened > 0 score 5 "{opened"', /^my.rules:1:21: expected '\{fact\}' or '\{fact noun\}'$/],
    ['opened > 0 score 5 " "', /^my.rules:1:21: expected a reason in words$/],
    ['opened > 0 score 5 "x" y', /^my.rules:1:24: expected the end of the line$/],
    ['opened > 0 and score 5 "x"', /^my.rules:1:16: unknown fact 'score'/],
    ['malicous at 5', /^my.rules:1:1: unknown fact 'malicous' \(did you mean 'malicious'\?\)/],
    ['interesting 5', /^my.rules:1:13: expected 'at' after 'interesting'$/],
    ['interesting at 5', /^my.rules:2:1: 'interesting' is given twice$/],
    ['interesting at 70\nmalicious at 60', /^my.rules:2:14: what is malicious is of interest/],
    ['payload 4', /^my.rules:1:9: expected how many bytes make a fingerprint, a number from 8 to 1024, not '4'$/],
    ['common ""', /^my.rules:1:8: every payload begins with nothing$/],
    ['common SSH', /^my.rules:1:8: expected how payloads begin that anybody sends in "quotes"$/],
  ];
  for (const [text, message] of one) t.match(wrong(`${text}${ENDS}`)[0], message, text);
  t.match(wrong('opened > 0 score 5 "x"\ninteresting at 5'), [
    /^my.rules:2:1: expected 'malicious at SCORE' somewhere$/,
  ]);
  t.match(wrong(`${'opened > 0 score 1 "x"\n'.repeat(257)}${ENDS}`), [/^my.rules:257:1: at most 256 rules$/]);
});

t.test('docs/monitoring.md is right', async (t) => {
  const manual = readFileSync(new URL('../../../../../docs/monitoring.md', import.meta.url), 'utf8');
  const [, example] = /```rules\n([^`]*)```/.exec(manual)!;
  t.equal(new Rules(example!, 'docs/monitoring.md').rules.length, 5);
  const table = [...manual.matchAll(/^\| `([a-z-]+)` \| (.*) \|$/gm)].map(([, name, doc]) => [name!, doc!]);
  const facts = FACT_NAMES.map((name) => [name, FACTS[name].doc]);
  t.strictSame(table.slice(0, facts.length), facts);
});

const word = fc.constantFrom(
  ...FACT_NAMES,
  ...['>', '>=', '<', 'and', 'score', '10', '4M', 'allowance', '"x"', '"{opened flow}"', '"{', '"\\x4', '{}', '#', ','],
  ...['interesting', 'malicious', 'at', 'payload', 'common', '\n', '\r\n', 'toString', '__proto__', '99999999999'],
);
const text = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 200 }),
  fc.array(word, { maxLength: 60 }).map((words) => words.join(' ')),
);

t.test('a file is read, or every line of the message says where it is wrong', async (t) => {
  fc.assert(
    fc.property(text, (content) => {
      try {
        new Rules(content, 'f');
      } catch (error) {
        if (!(error instanceof Error) || error.constructor !== Error) throw error;
        for (const line of error.message.split('\n')) if (!/^f:\d+:\d+: ./.test(line)) throw error;
      }
    }),
    { numRuns: 2000 },
  );
  t.pass();
});

const rule = fc
  .tuple(
    fc.array(fc.tuple(fc.constantFrom(...FACT_NAMES), fc.constantFrom('>', '>='), fc.nat(20)), {
      minLength: 1,
      maxLength: 3,
    }),
    fc.integer({ min: 1, max: 100 }),
  )
  .map(([conditions, score]) => `${conditions.map((each) => each.join(' ')).join(' and ')} score ${score} "x"`);

const step = fc.oneof(
  fc.record({ kind: fc.constant('opened' as const), by: fc.nat(5) }),
  fc.record({ kind: fc.constant('depth' as const), by: fc.nat(2) }),
  fc.record({ kind: fc.constant('delta' as const), by: fc.nat(30) }),
  fc.record({ kind: fc.constant('report' as const), by: fc.nat(20) }),
  fc.record({ kind: fc.constant('receives' as const), by: fc.nat(3) }),
  fc.record({ kind: fc.constant('sends' as const), by: fc.nat(3) }),
  fc.record({ kind: fc.constant('opens' as const), by: fc.nat(30) }),
);

t.test('whatever happens to a clone, its score never falls, nor does any fact', async (t) => {
  fc.assert(
    fc.property(fc.array(rule, { maxLength: 10 }), fc.array(step, { maxLength: 40 }), (lines, steps) => {
      const rig = watched({ rules: new Rules(lines.join('\n') + ENDS, 'f') });
      const clone = rig.clone();
      const facts = () => FACT_NAMES.map((name) => FACTS[name].value(clone.evidence!));
      let before = facts();
      let score = 0;
      for (const { kind, by } of steps) {
        if (kind === 'opened') clone.opened += by;
        else if (kind === 'depth') clone.universe.depth = Math.max(clone.universe.depth, by);
        else if (kind === 'delta') rig.changed(clone, by);
        else if (kind === 'report') rig.says(clone, `listen tcp ${by}\nprocess p${by} 1\n`);
        else if (kind === 'receives') rig.receives(clone, `payload number ${by}`, { port: by });
        else if (kind === 'sends') rig.sends(clone, `payload number ${by}`, { port: by });
        else clone.evidence!.opens(by, by % 2 ? 'drop' : 'reflect', by % 3 === 0);
        const now = rig.monitor.assess(clone).score;
        if (now < score || facts().some((value, i) => value < before[i]!)) throw new Error(`${kind} ${by}`);
        score = now;
        before = facts();
      }
    }),
    { numRuns: 300 },
  );
  t.pass();
});
