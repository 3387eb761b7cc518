import { writeFileSync } from 'node:fs';
import t from 'tap';
import { unbuilt } from '../../../bench/native/link.js';
import { withNative } from '../../../bench/suites/native.js';
import { greCapture } from '../../../bench/workload/gre.js';

t.test('native parts go over all packets of a capture', { skip: unbuilt() ?? false }, async (t) => {
  const capture = `${t.testdir({})}/in.pcap`;
  writeFileSync(capture, Buffer.concat([...greCapture({ packets: 3000, flows: 3000 })]));
  await withNative(async (run) => {
    for (const mode of ['count', 'classify', 'flows', 'universes', 'default', 'dump'])
      t.ok((await run({ mode, capture, first: 1000, flows: 4096 })) > 0, mode);
    await t.rejects(run({ mode: 'none', capture, first: 0, flows: 1 }), /expected a row that there is/);
    await t.rejects(run({ mode: 'count', capture: `${capture}.none`, first: 0, flows: 1 }), /in\.pcap\.none/);
  });
});
