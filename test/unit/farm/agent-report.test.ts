import fc from 'fast-check';
import t from 'tap';
import { parseReport } from '../../../src/farm/agent-report.js';

t.test('a report may hold anything', async (t) => {
  const report = parseReport(
    ['listen tcp 80', 'listen tcp 80', 'listen sctp 1', 'listen tcp 123456', 'process Web Content 3'].join('\n'),
  );
  t.strictSame([...report.listen], ['tcp 80']);
  t.strictSame([...report.processes], [['Web Content', 3]]);
  t.strictSame([...parseReport('process \x1b[31m\u202e 1\nprocess x\n').processes.keys()], ['?[31m?']);
  const many = Array.from({ length: 1000 }, (_, i) => `process p${i} 1\nlisten tcp ${i}`).join('\n');
  t.strictSame([parseReport(many).listen.size, parseReport(many).processes.size], [256, 256]);
  fc.assert(
    fc.property(fc.string(), fc.string({ unit: 'binary' }), (name, text) => {
      const { processes } = parseReport(`process ${name} 1\n${text}`);
      for (const key of processes.keys()) if (/[^\x20-\x7e]/.test(key)) return false;
      return true;
    }),
  );
});
