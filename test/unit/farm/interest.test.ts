import fc from 'fast-check';
import t from 'tap';
import { type Baseline, type CloneState, changes, parseReport } from '../../../src/farm/interest.js';

const MB = 2 ** 20;
const baseline: Baseline = {
  delta: 1 * MB,
  allowance: 2 * MB,
  report: parseReport('listen tcp 22\nlisten udp 53\nprocess sh 2\nprocess httpd 1\nend\n'),
};
const dull: CloneState = { opened: 0, depth: 1, delta: 3 * MB, report: baseline.report };
const found = (facts: Partial<CloneState>) => changes({ ...dull, ...facts }, baseline);

t.test('what differs from the baseline is told with the figures and names', async (t) => {
  t.strictSame(found({}), []);
  t.strictSame(found({ opened: 1 }), ['opened 1 connection of its own']);
  t.strictSame(found({ opened: 3 }), ['opened 3 connections of its own']);
  t.strictSame(found({ depth: 2 }), ['is part of a universe of depth 2']);
  t.strictSame(found({ delta: 3 * MB + 1 }), ["changed 2.0 MB of memory beyond the 1.0 MB of its image's baseline"]);
  t.strictSame(
    found({ report: parseReport('listen tcp 22\nlisten tcp 4444\nprocess sh 9\nprocess wget 1\nprocess nc 1\n') }),
    ['listens on tcp 4444', 'runs wget, nc'],
  );
  t.equal(found({ opened: 1, depth: 2, delta: 9 * MB }).length, 3, 'each is told');
});

t.test('where there is no agent nothing is said of ports and processes', async (t) => {
  t.strictSame(found({ report: undefined }), []);
  const report = parseReport('listen tcp 4444\n');
  t.strictSame(changes({ ...dull, report }, { ...baseline, report: undefined }), []);
});

t.test('a report may hold anything', async (t) => {
  const report = parseReport(
    ['listen tcp 80', 'listen tcp 80', 'listen sctp 1', 'listen tcp 123456', 'process Web Content 3'].join('\n'),
  );
  t.strictSame([...report.listen], ['tcp 80']);
  t.strictSame([...report.processes], [['Web Content', 3]]);
  t.strictSame([...parseReport('process \x1b[31m\u202e 1\nprocess x\n').processes.keys()], ['?[31m?']);
  const many = Array.from({ length: 1000 }, (_, i) => `process p${i} 1\nlisten tcp ${i}`).join('\n');
  t.strictSame([parseReport(many).listen.size, parseReport(many).processes.size], [256, 256]);
  t.match(found({ report: parseReport(many) })[1], /^runs p0, .*p7 and 248 more$/);
  fc.assert(
    fc.property(fc.string(), fc.string({ unit: 'binary' }), (name, text) => {
      const { processes } = parseReport(`process ${name} 1\n${text}`);
      for (const key of processes.keys()) if (/[^\x20-\x7e]/.test(key)) return false;
      return true;
    }),
  );
});
