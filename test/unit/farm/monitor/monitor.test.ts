import t from 'tap';
import { Rules } from '../../../../src/farm/monitor/rules.js';
import { MB, watched } from './watched.js';

t.test('what differs from the image is told with the figures and names', async (t) => {
  const found = (change: (rig: ReturnType<typeof watched>, clone: ReturnType<typeof rig.clone>) => void) => {
    const rig = watched();
    const clone = rig.clone();
    change(rig, clone);
    return rig.reasons(clone);
  };
  t.strictSame(
    found((rig, clone) => rig.changed(clone, 3 * MB)),
    [],
  );
  t.strictSame(
    found((rig, clone) => rig.changed(clone, 3 * MB + 1)),
    ["changed 2.0 MB of memory beyond the 1.0 MB of its image's baseline"],
  );
  for (const [opened, reason] of [
    [1, 'opened 1 connection of its own'],
    [3, 'opened 3 connections of its own'],
  ] as const)
    t.strictSame(
      found((_, clone) => {
        clone.opened = opened;
      }),
      [reason],
    );
  t.strictSame(
    found((_, { universe }) => {
      universe.depth = 2;
    }),
    ['is part of a universe of depth 2'],
  );
  t.strictSame(
    found((rig, clone) => rig.says(clone, 'listen tcp 22\nprocess sh 9\n')),
    [],
  );
  t.strictSame(
    found((rig, clone) => rig.says(clone, 'listen tcp 22\nlisten tcp 4444\nprocess wget 1\nprocess nc 1\n')),
    ['listens on tcp 4444', 'runs wget, nc'],
  );
  const many = Array.from({ length: 1000 }, (_, i) => `process p${i} 1\nlisten tcp ${i}`).join('\n');
  t.match(found((rig, clone) => rig.says(clone, many))[1], /^runs p0, .*p7 and 248 more$/);
});

t.test('an image without a baseline is held against nothing but the allowance', async (t) => {
  const rig = watched({ usual: undefined });
  const clone = rig.clone();
  rig.says(clone, 'listen tcp 4444\nprocess nc 1\n');
  rig.changed(clone, 2 * MB);
  t.equal(rig.monitor.interest(clone), undefined);
  rig.changed(clone, 2 * MB + 1);
  t.match(rig.monitor.interest(clone), 'changed 2.0 MB of memory beyond the 0.0 MB');
});

t.test('where there is no agent nothing is said of ports and processes', async (t) => {
  const rig = watched({ usual: { delta: 0, report: undefined } });
  const clone = rig.clone();
  rig.says(clone, 'listen tcp 4444\nprocess nc 1\n');
  t.strictSame(rig.reasons(clone), []);
});

t.test('what was seen once counts for good', async (t) => {
  const rig = watched();
  const clone = rig.clone();
  rig.says(clone, 'listen tcp 4444\nprocess nc 1\n');
  rig.changed(clone, 9 * MB);
  const { score } = rig.monitor.assess(clone);
  rig.says(clone, 'listen tcp 22\nprocess sh 1\n');
  rig.changed(clone, MB);
  t.strictSame([rig.monitor.assess(clone).score, rig.reasons(clone).length], [score, 3]);
});

t.test('an intruder who leaves a door open is malicious; that is told once', async (t) => {
  const rig = watched();
  const clone = rig.clone();
  t.strictSame([rig.monitor.interest(clone), rig.monitor.rated.benign], [undefined, 1]);
  clone.opened = 1;
  t.equal(rig.monitor.interest(clone), 'opened 1 connection of its own');
  t.strictSame(rig.monitor.rated, { benign: 0, interesting: 1, malicious: 0 });
  clone.universe.depth = 2;
  rig.says(clone, 'listen tcp 4444\nprocess nc 1\n');
  rig.monitor.assess(clone);
  const reasons = [
    'opened 1 connection of its own',
    'is part of a universe of depth 2',
    'listens on tcp 4444',
    'runs nc',
  ];
  const event = { kind: 'malicious', clone: 1, universe: 1, address: clone.address, score: 60, reasons };
  t.strictSame(rig.events, [event]);
  t.equal(clone.universe.score, 60);
  clone.opened = 99;
  rig.monitor.assess(clone);
  t.equal(rig.events.length, 1);
  t.strictSame([rig.monitor.rated.malicious, rig.monitor.malicious], [1, 1]);
  rig.monitor.end(clone);
  t.strictSame(rig.monitor.rated, { benign: 0, interesting: 0, malicious: 0 });
});

t.test('rules may ask what policy decided, how many addresses were tried, and how many clones that made', async (t) => {
  const rules = new Rules(
    [
      'interesting at 1',
      'malicious at 1000',
      ...['forwarded', 'reflected', 'redirected', 'dropped', 'refused', 'limited', 'destinations', 'children'].map(
        (fact) => `${fact} >= 2 score 1 "${fact} {${fact}}"`,
      ),
    ].join('\n'),
    'test.rules',
  );
  const rig = watched({ rules });
  const clone = rig.clone();
  for (const verdict of ['forward', 'reflect', 'redirect', 'drop', 'reset'] as const) {
    clone.evidence!.opens(7, verdict, false);
    clone.evidence!.opens(7, verdict, verdict === 'drop');
  }
  clone.called = 1;
  t.strictSame(rig.reasons(clone), ['forwarded 2', 'reflected 2', 'redirected 2', 'dropped 2', 'refused 2']);
  clone.evidence!.opens(8, 'drop', true);
  clone.called = 2;
  t.strictSame(rig.reasons(clone).slice(3), ['dropped 3', 'refused 2', 'limited 2', 'destinations 2', 'children 2']);
  for (let i = 0; i < 1000; i++) clone.evidence!.opens(0xffffff00 + i, 'drop', false);
  t.equal(clone.evidence!.destinations, 64, 'so many are told apart');
});

t.test('a clone that nothing new is known of is not held against the rules again', async (t) => {
  const rules = new Rules('interesting at 1\nmalicious at 2\nopened > 0 score 1 "called"', 'test.rules');
  let asked = 0;
  const { score } = rules;
  rules.score = (of) => {
    asked++;
    return score.call(rules, of);
  };
  const rig = watched({ rules });
  const clone = rig.clone();
  const after = (change: () => void) => {
    change();
    rig.monitor.assess(clone);
    rig.monitor.assess(clone);
    return asked;
  };
  t.equal(
    after(() => {}),
    1,
  );
  t.equal(
    after(() => {
      clone.opened = 1;
    }),
    2,
  );
  t.equal(
    after(() => rig.changed(clone, 5)),
    2,
    'less memory than before is nothing new',
  );
  t.equal(
    after(() => rig.says(clone, 'end\n')),
    3,
  );
});

t.test('an assessment is told as captures have it', async (t) => {
  const rig = watched();
  const clone = rig.clone();
  rig.receives(clone, 'an exploit', { port: 445 });
  clone.opened = 1;
  t.match(rig.monitor.assess(clone).tell(), {
    score: 10,
    rating: 'interesting',
    reasons: ['opened 1 connection of its own'],
    payloads: { received: [{ fingerprint: /^[0-9a-f]{16}$/, port: 445 }], sent: [], repeated: [] },
  });
});
