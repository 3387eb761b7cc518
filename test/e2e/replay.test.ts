import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import t from 'tap';

const run = promisify(execFile);
const potemkin = fileURLToPath(new URL('../../../bin/potemkin', import.meta.url));

const captures = [
  'demo/story.pcap',
  'test/data/gre/packetnet__gre_all_options.pcap',
  'test/data/gre/pcapplusplus__GrePackets.pcap', // its packets lie years apart
  'test/data/gre/tcpdump__various_gre.pcap',
  'test/data/gre/zeek__gre-sample.pcap',
];

async function replay(capture: string, out: string): Promise<Buffer> {
  await run(potemkin, ['run', 'config/replay.click', '-D', `IN=${capture}`, '-D', `OUT=${out}`, '--listen', 'off']);
  return readFileSync(out);
}

/** Every packet that tshark finds something wrong with: malformed, or with a bad checksum. */
const WRONG = ['_ws.malformed', ...['ip', 'tcp', 'udp', 'icmp'].map((proto) => `${proto}.checksum.status == 0`)];
const CHECKS = ['ip', 'tcp', 'udp'].flatMap((proto) => ['-o', `${proto}.check_checksum:TRUE`]);

const tshark = await run('tshark', ['--version']).catch(() => undefined);

t.test('the same capture gives the same output, byte for byte', async (t) => {
  const folder = t.testdir({});
  for (const capture of captures) {
    const [first, second] = [
      await replay(capture, join(folder, 'a.pcap')),
      await replay(capture, join(folder, 'b.pcap')),
    ];
    t.ok(first.equals(second), capture);
  }
});

t.test('what goes back into the tunnel is sound', { skip: tshark ? false : 'tshark is not installed' }, async (t) => {
  const out = join(t.testdir({}), 'out.pcap');
  let packets = 0;
  for (const capture of captures) {
    await replay(capture, out);
    const all = (await run('tshark', ['-r', out])).stdout.trim();
    if (all !== '') packets += all.split('\n').length;
    const { stdout } = await run('tshark', ['-r', out, ...CHECKS, '-Y', WRONG.join(' || ')]);
    t.equal(stdout, '', capture);
  }
  t.ok(packets > 20, `${packets} packets looked at`);
});
