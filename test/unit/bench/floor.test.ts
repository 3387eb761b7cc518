import { writeFileSync } from 'node:fs';
import t from 'tap';
import { withFloor } from '../../../bench/suites/floor.js';
import { greCapture } from '../../../bench/workload/gre.js';

t.test('the loop in C goes over all packets', async (t) => {
  const capture = `${t.testdir({})}/in.pcap`;
  writeFileSync(capture, Buffer.concat([...greCapture({ packets: 3000, flows: 100 })]));
  await withFloor(async (run) => {
    for (const mode of ['copy', 'sum', 'flows', 'universes']) t.ok((await run(mode, capture)) > 0, mode);
    t.ok((await run('random', '1000')) > 0);
    await t.rejects(run('copy', `${capture}.none`), /No such file/);
  });
});
