import { writeFileSync } from 'node:fs';
import t from 'tap';
import { readChain, timeChain, timeElements, watchHeap } from '../../../bench/chain.js';
import { CHAIN_GRAPHS } from '../../../bench/suites/chains.js';
import { greCapture } from '../../../bench/workload/gre.js';

const PACKETS = 3000;
const FLOWS = 100;

const IN = `${t.testdir({})}/in.pcap`;
writeFileSync(IN, Buffer.concat([...greCapture({ packets: PACKETS, flows: FLOWS })]));

const defines = (name: string) => ({ IN, OUT: `${t.testdirName}/${name}.pcap`, FLOWS: '10000' });

for (const name of CHAIN_GRAPHS) {
  t.test(`${name} does all of its work`, async (t) => {
    const keeps = ['flows', 'filtered'].includes(name);
    const chain = () => ({
      graph: readChain(name, defines(name)),
      packets: PACKETS,
      counted: PACKETS,
      ...(keeps && { flows: FLOWS }),
    });
    t.ok((await timeChain(chain())).get('rss')! > 0);
    t.ok((await timeElements(chain())).get('FromDump')! >= 0);
    t.ok((await watchHeap(chain())).get('allocated')! >= 0);
    await t.rejects(timeChain({ ...chain(), counted: PACKETS + 1 }), /3000 packets were counted, not 3001/);
    if (keeps) await t.rejects(timeChain({ ...chain(), flows: FLOWS + 1 }), /100 flows, not 101/);
  });
}
