import t from 'tap';
import { type AgentReport, parseReport } from '../../../src/farm/agent-report.js';
import type { CloneBackend } from '../../../src/farm/backend.js';
import { Inquiries } from '../../../src/farm/inquiries.js';
import type { CloneRecord } from '../../../src/farm/universes.js';

const report = parseReport('listen tcp 22\n');
const clone = (id: number, active = 0) => ({ id, active }) as CloneRecord;
const rest = () => new Promise(setImmediate);

/** Agents that answer when the test says so. */
function rig() {
  const asked: number[] = [];
  const answers: ((report: AgentReport) => void)[] = [];
  const refusals: ((error: Error) => void)[] = [];
  const clock = { now: 10 };
  const backend = {
    report: (id: number) =>
      new Promise<AgentReport>((resolve, reject) => {
        asked.push(id);
        answers.push(resolve);
        refusals.push(reject);
      }),
  } as unknown as CloneBackend;
  return { asked, answers, refusals, clock, inquiries: new Inquiries(backend, clock) };
}

t.test('four are asked at a time, each once', async (t) => {
  const { asked, answers, inquiries } = rig();
  const clones = [1, 2, 3, 4, 5, 6].map((id) => clone(id));
  for (const each of [...clones, ...clones]) inquiries.ask(each);
  t.strictSame(asked, [1, 2, 3, 4]);
  answers[1]!(report);
  await rest();
  t.strictSame(asked, [1, 2, 3, 4, 5]);
  t.equal(inquiries.get(clones[1]!), report);
  t.equal(inquiries.get(clones[0]!), undefined);
  inquiries.forget(clones[5]!);
  for (const answer of answers) answer(report);
  await rest();
  t.strictSame(asked, [1, 2, 3, 4, 5], 'one that is gone is not asked');
});

t.test('an answer is up to date until something comes or goes', async (t) => {
  const { asked, answers, clock, inquiries } = rig();
  const one = clone(1, 5);
  t.notOk(inquiries.isUpToDate(one), 'so it is asked');
  t.strictSame(asked, [1]);
  t.notOk(inquiries.isUpToDate(one));
  answers[0]!(report);
  await rest();
  t.ok(inquiries.isUpToDate(one));
  one.active = clock.now = 11;
  t.notOk(inquiries.isUpToDate(one));
  t.strictSame(asked, [1, 1]);
});

t.test('one that does not answer has been asked, and what it said before stands', async (t) => {
  const { answers, refusals, inquiries } = rig();
  const one = clone(1);
  inquiries.ask(one);
  answers[0]!(report);
  await rest();
  inquiries.ask(one);
  refusals[1]!(new Error('no answer'));
  await rest();
  t.ok(inquiries.isUpToDate(one));
  t.equal(inquiries.get(one), report);
});

t.test('where there are no agents nobody waits for them', async (t) => {
  for (const backend of [{}, { report: () => undefined }]) {
    const inquiries = new Inquiries(backend as unknown as CloneBackend, { now: 1 });
    t.ok(inquiries.isUpToDate(clone(1)));
    inquiries.ask(clone(1));
    t.equal(inquiries.get(clone(1)), undefined);
  }
});
